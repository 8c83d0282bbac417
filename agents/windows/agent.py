"""metrics.raw → windows. Chunks are decoded and folded at once, stored at checkpoints.

Reads `metrics.raw` and `liveops.raw.keyed`. A record whose service belongs to another
partition is forwarded once; the checkpoint (agents/windows/checkpoint.py) acknowledges.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from faust import Stream
from faust.types.events import EventT

from agents.windows.forward import ForOthers, Forwarder
from agents.windows.live_feed import LiveFeed
from agents.windows.partition_windows import PartitionWindows
from agents.windows.taken import Taken
from agents.windows.time_slicer import TimeSlicer
from liveops.intake.faults import Fault
from liveops.intake.source_position import place_of, positions_of
from liveops.kafka.chunks import chunk_of
from liveops.kafka.partitioning import partition_of
from liveops.kafka.producer import Producer
from liveops.metrics.windows import RECORDS_READ, TOMBSTONES
from liveops.runtime.exit_codes import LOST_STATE
from liveops.windows.state import WindowLimits
from schema.topics import RAW
from tables.checkpointed import SEPARATOR, CheckpointedTable

log = structlog.get_logger(__name__)
#: Records folded and not yet stored, beyond which reading waits for the checkpoint: a
#: backlog must not pile up in memory, nor a crash replay more than this.
_MOST_UNSTORED = 200_000


@dataclass(slots=True)
class OwnedPartition:
    """A partition this worker owns: its windows and the chunks not yet acknowledged."""

    windows: PartitionWindows
    unacknowledged: list[EventT[Any]] = field(default_factory=list)
    #: Ends when all that these chunks had for others is with the broker.
    sending: asyncio.Task[None] | None = None

    @property
    def unstored(self) -> int:
        """Records in these chunks."""
        return sum(len(chunk_of(event).records) for event in self.unacknowledged)


class WindowAgent:
    """Owns the windows of the partitions assigned to this worker."""

    def __init__(
        self,
        table: CheckpointedTable,
        producer: Producer,
        live: LiveFeed,
        limits: WindowLimits,
        *,
        partitions: int,
        max_age_s: float,
        release: Callable[[EventT[Any]], None],
    ) -> None:
        self.table = table
        self._release = release
        self.owned: dict[int, OwnedPartition] = {}
        self._forwarder = Forwarder(producer)
        self._slicer = TimeSlicer()
        self._live = live
        self._limits = limits
        self._partitions = partitions
        self._max_age_s = max_age_s
        #: Records that made the fold fail; they are dead letters.
        self._culprits: set[tuple[str, int, int]] = set()
        #: Set when there may be open windows to send.
        self.emitted = asyncio.Event()
        #: Set when a checkpoint has made room for more chunks.
        self._room = asyncio.Event()
        #: Partitions whose log is shorter than their state, each with the reason.
        self.quarantined: dict[int, str] = {}

    async def run(self, stream: Stream[bytes]) -> None:
        """Read chunks for as long as the worker lives."""
        async for event in stream.noack().events():
            try:
                await self.take(event)
            except Exception:
                # Faust would acknowledge the chunk and go on without it.
                log.exception("a chunk could not be folded; stopping, so that none is lost")
                os._exit(LOST_STATE)

    async def take(self, event: EventT[Any]) -> None:
        """Fold a chunk, forward what belongs elsewhere, set aside what is bad."""
        while sum(owned.unstored for owned in self.owned.values()) > _MOST_UNSTORED:
            self._room.clear()
            await self._room.wait()
        message = event.message
        if message.partition not in self.owned:
            self._release(event)
            return
        chunk, owned = chunk_of(event), self.owned[message.partition]
        RECORDS_READ.labels(message.topic).inc(len(chunk.records))
        for_others = ForOthers()
        for part in self._slicer.slices(len(chunk.records)):
            if self.owned.get(message.partition) is not owned:  # revoked in between
                self._release(event)
                return
            records = chunk.records[part]
            try:
                found = owned.windows.take(message.topic, records, chunk.append_ms[part])
            except Exception:
                log.exception("the fold failed; looking for the record", topic=message.topic)
                await self._fold_singly(message.partition, event)
                return
            self._note(owned, message.topic, found)
            for_others.add(found, self._forwarder.budget)
            await self._slicer.rest()
        if for_others:
            owned.sending = await self._forwarder.send_after(
                message.partition, owned.sending, for_others
            )
        owned.unacknowledged.append(event)

    def _note(self, owned: OwnedPartition, topic: str, found: Taken) -> None:
        """What a slice of a chunk has for counters, open windows and the live view."""
        TOMBSTONES.inc(found.chunk.tombstones)
        if owned.windows.emitted:
            self.emitted.set()
        if topic == RAW:
            self._live.show(found.chunk)

    def stored(self, owned: OwnedPartition, events: list[EventT[Any]]) -> None:
        """Acknowledge the first chunks of a partition: all that they caused is safe."""
        del owned.unacknowledged[: len(events)]
        for event in events:
            event.ack()
        self._room.set()

    def give_up(self) -> None:
        """Forget every partition: another assignment follows."""
        self.owned.clear()
        self._room.set()

    async def _fold_singly(self, number: int, event: EventT[Any]) -> None:
        """Go back to the stored state and fold record by record, setting the culprit aside."""
        sending = self.owned[number].sending
        if sending is not None:
            await sending
        events = [*self.owned[number].unacknowledged, event]
        done = False
        while not done:
            self.load({number})  # acknowledges nothing: no event is in it yet
            done = all([await self._refold(self.owned[number].windows, item) for item in events])
        self.owned[number].unacknowledged = events

    async def _refold(self, windows: PartitionWindows, event: EventT[Any]) -> bool:
        """Fold an event's records one at a time; False when one of them failed."""
        message = event.message
        for record in chunk_of(event).records:
            mark = (message.topic, message.partition, record.offset)
            if mark in self._culprits:
                continue
            try:
                found = windows.take(message.topic, [record])
            except Exception as error:
                log.exception("record set aside as internal", offset=record.offset)
                self._culprits.add(mark)
                positions = positions_of(message.topic, message.partition, [record])
                place = place_of(positions.at(0), message.partition)
                fault = Fault("internal", None, str(error))
                await self._forwarder.send(
                    message.partition, ForOthers(faults=[(fault, place, record.value)])
                )
                return False
            for_others = ForOthers()
            for_others.add(found, self._forwarder.budget)
            await self._forwarder.send(message.partition, for_others)
        return True

    def _windows(self, number: int) -> PartitionWindows:
        return PartitionWindows(
            number,
            self.table,
            self._limits,
            partitions=self._partitions,
            max_age_s=self._max_age_s,
        )

    def load(self, partitions: set[int]) -> None:
        """Rebuild memory from the recovered table; nothing older survives."""
        parts: dict[str, dict[str, bytes]] = {}
        for key, value in self.table.data.items():
            owner, part = key.split(SEPARATOR, 1)
            parts.setdefault(owner.decode(), {})[part.decode()] = value
        for number in partitions:
            self.owned[number] = OwnedPartition(self._windows(number))
        for service, values in parts.items():
            number = partition_of(service, self._partitions)
            if number in partitions:
                self.owned[number].windows.restore(service, values)
        log.info("window state recovered", services=len(parts), partitions=len(partitions))

    def quarantine(self, ends: Mapping[int, int]) -> None:
        """Give up partitions whose state holds records beyond the end of the log.

        `ends` are the end offsets of all partitions of `metrics.raw`.
        """
        self.quarantined = {}
        for number in list(self.owned):
            stored = self.owned[number].windows.state.replay_until
            ahead = [origin for origin, end in ends.items() if stored.get(origin, -1) >= end]
            for origin in ahead[:1]:
                self.quarantined[number] = (
                    f"{RAW}/{origin} ends at offset {ends[origin]}, but the windows of partition "
                    f"{number} hold records of it up to {stored[origin]}: the topic was recreated; "
                    f"nothing of the partition is folded until `liveops doctor` has mended it"
                )
                log.error("partition quarantined", reason=self.quarantined[number])
                del self.owned[number]
