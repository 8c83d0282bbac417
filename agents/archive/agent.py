"""metrics.raw and metrics.aggregated → PostgreSQL, exactly once.

An app of its own, so that a slow database never slows the windows. Each partition has a
writer (agents/archive/writer.py) from its assignment to its revocation; before it writes,
PostgreSQL's offset is compared with the log.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping
from typing import Any

import structlog
from faust import Stream
from faust.types import TP
from faust.types.app import AppT
from faust.types.events import EventT

from agents.archive.writer import SINK, PartitionWriter, Sink
from liveops.kafka.offsets import Bounds, Log
from liveops.kafka.progress import committed_offsets, must_release, release
from liveops.postgres import archive
from liveops.postgres.database import Database
from liveops.runtime.background import BackgroundTask
from liveops.runtime.exit_codes import LOST_STATE
from liveops.runtime.retry import retrying

log = structlog.get_logger(__name__)
#: Transactions under way at once; PostgreSQL and Python share the machine.
_TURNS = 2
#: How often is looked whether an assignment is in force.
_POLL_S = 0.1
#: The longest pause between two tries to compare the offsets.
_LONGEST_PAUSE_S = 2.0


class FaustFlow:
    """What the writers need to know of Faust."""

    def __init__(self, app: AppT) -> None:
        self._app = app

    def must_release(self) -> bool:
        """Whether a rebalance or the stop waits for the chunks."""
        return must_release(self._app)

    def release(self, event: EventT[Any]) -> None:
        """The chunk will come again."""
        release(self._app, event.message)

    @property
    def settled(self) -> bool:
        """Whether the assignment is in force and reading has begun."""
        return not self._app.rebalancing and not self.must_release()

    def committed(self, tp: TP) -> int:
        """Where reading began; 0 when nothing was ever committed."""
        return committed_offsets(self._app).get(tp, 0)

    async def go_back(self, tp: TP, offset: int) -> None:
        """Read again from an earlier offset."""
        await self._app.consumer.seek(tp, offset)

    def pause(self, tp: TP) -> None:
        """Read no more of a partition."""
        self._app.consumer.pause_partitions({tp})


class ArchiveAgent:
    """Owns the writers of the partitions assigned to this worker."""

    def __init__(
        self, flow: FaustFlow, database: Database, offsets: Log, sinks: Mapping[str, Sink]
    ) -> None:
        self._flow = flow
        self._database = database
        self._offsets = offsets
        self._sinks = sinks
        self._writers: dict[TP, PartitionWriter] = {}
        self._turns = asyncio.Semaphore(_TURNS)
        self._admission: BackgroundTask | None = None

    async def run(self, stream: Stream[Any]) -> None:
        """Hand chunks to the writers of their partitions."""
        async for event in stream.noack().events():
            try:
                await self._writer(event.message.tp).put(event)
            except Exception:
                # Faust would acknowledge the chunk and go on without it.
                log.exception("a chunk could not be read; stopping, so that none is lost")
                os._exit(LOST_STATE)

    def quarantine_reasons(self) -> list[str]:
        """Why partitions are not written, one line each."""
        return [writer.quarantined for writer in self._writers.values() if writer.quarantined]

    @property
    def fault(self) -> str:
        """Why the admission or writers failed of late, or ""."""
        faults = [writer.fault for writer in self._writers.values()]
        if self._admission is not None:
            faults.append(self._admission.fault)
        return "; ".join(filter(None, faults))

    def assigned(self, partitions: Collection[TP]) -> None:
        """New partitions are ours: compare PostgreSQL with the log, then write."""
        self.revoked()
        ours = {TP(tp.topic, tp.partition) for tp in partitions if tp.topic in self._sinks}
        for tp in ours:
            self._writer(tp)
        if ours:
            self._admission = BackgroundTask(lambda: self._admit(ours), "archive admission")
            self._admission.launch()

    def revoked(self) -> None:
        """Nothing is ours any more; what was not stored comes again, here or elsewhere."""
        if self._admission is not None:
            self._admission.cancel()
        for writer in self._writers.values():
            writer.cancel()
        self._writers.clear()

    async def start(self) -> None:
        """Nothing before the first assignment."""

    async def stop(self) -> None:
        """End the writers."""
        self.revoked()

    def _writer(self, tp: TP) -> PartitionWriter:
        tp = TP(tp.topic, tp.partition)
        writer = self._writers.get(tp)
        if writer is None:
            writer = self._writers[tp] = PartitionWriter(
                tp.topic, tp.partition, self._sinks[tp.topic], self._database, self._flow,
                self._turns,
            )  # fmt: skip
        return writer

    async def _admit(self, waiting: set[TP]) -> None:
        """Once both PostgreSQL and Kafka have answered, let each writer begin or quarantine it.

        Who is done leaves `waiting`, so that a failure begins with the others.
        """
        while waiting:
            topic = min(tp.topic for tp in waiting)
            tries = retrying("postgres and kafka, to archive", longest_s=_LONGEST_PAUSE_S)
            await tries(self._admit_topic, topic, waiting)

    async def _admit_topic(self, topic: str, waiting: set[TP]) -> None:
        while not self._flow.settled:
            await asyncio.sleep(_POLL_S)
        partitions = sorted(tp for tp in waiting if tp.topic == topic)
        async with self._database.connection() as con:
            stored = await archive.stored_offsets(con, SINK, topic)
        bounds = await self._offsets.bounds(topic, [tp.partition for tp in partitions])
        for tp in partitions:
            await self._admit_partition(tp, stored.get(tp.partition, 0), bounds[tp.partition])
            waiting.discard(tp)

    async def _admit_partition(self, tp: TP, stored: int, bounds: Bounds) -> None:
        """Quarantine, go back to where PostgreSQL is, or begin."""
        writer = self._writers[tp]
        line = quarantine_reason(tp, stored, bounds)
        if line:
            writer.quarantine(line)
            self._flow.pause(tp)
            return
        begin, began = max(stored, bounds.begin), self._flow.committed(tp)
        if began <= begin:
            writer.admit()
            return
        log.warning("archive goes back to what PostgreSQL has", topic=tp.topic,
                    partition=tp.partition, kafka=began, postgres=begin)  # fmt: skip
        await self._flow.go_back(tp, begin)
        writer.admit(stale_from=began)


def quarantine_reason(tp: TP, stored: int, bounds: Bounds) -> str:
    """Why a partition must not be written, in one line; "" when it may be."""
    if bounds.end >= stored:
        return ""
    return (
        f"{tp.topic}/{tp.partition} ends at offset {bounds.end}, but PostgreSQL has stored up to "
        f"{stored}: the topic was recreated or the database is of another one; "
        f"nothing of it is archived until `liveops doctor` has mended it"
    )
