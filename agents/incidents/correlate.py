"""liveops.detections → correlator → incidents, in one PostgreSQL transaction.

Groups, incidents, outbox events and the source offset change together; PostgreSQL's
offset is the truth, so a second owner or a repeat after a crash changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import structlog
from faust import Stream
from faust.types.events import EventT

from liveops.clock import Clock
from liveops.correlation.fold import dismiss, fold, next_due_s, release
from liveops.correlation.state import Command, Source
from liveops.correlation.topology import Topology
from liveops.errors import Unavailable
from liveops.kafka.config_view import ConfigView
from liveops.metrics import BAD_INTERNAL_RECORDS, EVENT_TO_DETECTED_SECONDS
from liveops.postgres import correlation as store
from liveops.postgres.correlation import OffsetMoved
from liveops.postgres.database import Database
from schema.incidents import Detection
from schema.topics import DETECTIONS

log = structlog.get_logger(__name__)
_CHUNK = 200
_WITHIN_S = 0.02
_TICK_S = 0.25
#: A record that cannot be folded is skipped after so many tries.
_TRIES = 3


class CorrelateAgent:
    """The one owner of the one partition that all detections go to."""

    def __init__(
        self,
        database: Database,
        config: ConfigView,
        clock: Clock,
        *,
        partition: int,
        owns: Callable[[], bool],
    ) -> None:
        self._database = database
        self._config = config
        self._clock = clock
        self._partition = partition
        self._owns = owns
        self._due_s: float | None = 0.0

    async def run(self, stream: Stream[Any]) -> None:
        """Read detections for as long as the worker lives."""
        await self._config.wait_ready()
        async for events in stream.noack_take(_CHUNK, within=_WITHIN_S):
            await self._until_stored(events)
            for event in events:
                await stream.ack(event)

    async def tick(self) -> None:
        """Open held groups and drop old ones when their time has come."""
        await self._config.wait_ready()
        while True:
            await asyncio.sleep(_TICK_S)
            if self._due_s is None or self._clock.now_s() < self._due_s or not self._owns():
                continue
            try:
                await self._store([])
            except (Unavailable, OffsetMoved) as error:
                log.warning("correlator waits", error=str(error))

    async def _until_stored(self, events: Sequence[EventT[Any]]) -> None:
        """Try until the detections are in PostgreSQL; a poisonous one alone is skipped."""
        tries, pause_s = 0, 0.1
        while True:
            try:
                await self._store(events, skip=tries >= _TRIES)
                return
            except (Unavailable, OffsetMoved) as error:
                log.warning("correlator waits", error=str(error))
            except Exception:
                log.exception("detections could not be correlated", count=len(events))
                tries += 1
                if len(events) > 1:
                    for event in events:
                        await self._until_stored([event])
                    return
            await asyncio.sleep(pause_s)
            pause_s = min(5.0, pause_s * 2)

    async def _store(self, events: Sequence[EventT[Any]], *, skip: bool = False) -> None:
        """Fold the events not folded yet, and what is due, in one transaction."""
        latencies_s: list[float] = []
        async with self._database.transaction() as con:
            known = await store.lock_offset(con, DETECTIONS, self._partition)
            fresh = [event.message for event in events if event.message.offset >= known]
            groups, resolved = await store.load_groups(con)
            before = set(groups)
            dismiss(groups, resolved)
            topology = Topology([*self._config.topology, *await store.learned_edges(con)])
            now_s = self._clock.now_s()
            commands: list[Command] = []
            for message in () if skip else fresh:
                detection = _read(message)
                if detection is not None:
                    source = Source(DETECTIONS, self._partition, message.offset, now_s)
                    commands += fold(groups, detection, source, topology)
            commands += release(groups, topology, now_s)
            for command in commands:
                took_s = await store.apply(con, command, now_s)
                if took_s is not None:
                    latencies_s.append(took_s)
            await store.save_groups(con, groups, before)
            if fresh:
                new = fresh[-1].offset + 1
                await store.advance_offset(con, DETECTIONS, self._partition, known, new)
        self._due_s = next_due_s(groups)
        for took_s in latencies_s:
            EVENT_TO_DETECTED_SECONDS.observe(took_s)


def _read(message: Any) -> Detection | None:
    """The detection of a record; unreadable ones are counted and skipped."""
    try:
        return msgspec.json.decode(message.value or b"", type=Detection)
    except msgspec.MsgspecError as error:
        BAD_INTERNAL_RECORDS.labels(DETECTIONS).inc()
        log.warning("unreadable detection", offset=message.offset, error=str(error))
        return None
