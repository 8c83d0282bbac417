"""liveops.detections → correlator → incidents, in one PostgreSQL transaction.

Groups, incidents, outbox events and the source offset change together; PostgreSQL's
offset is the truth, so a second owner or a repeat after a crash changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from faust import Stream
from faust.types.events import EventT

from liveops.clock import Clock
from liveops.errors import OffsetMoved, Unavailable
from liveops.incidents.clock import LeastWatermark
from liveops.incidents.feed import FeedWatch
from liveops.incidents.state import Read
from liveops.incidents.topology import Topology
from liveops.kafka.config_view import ConfigView
from liveops.metrics.detection import EVENT_TO_DETECTED_SECONDS
from liveops.metrics.group import preset
from liveops.metrics.worker import BAD_INTERNAL_RECORDS
from liveops.postgres import correlation as store
from liveops.postgres.correlated import carry_out
from liveops.postgres.database import Database
from liveops.runtime.retry import retrying
from schema.incidents import Detection, read_detection
from schema.rules import Edge
from schema.topics import DETECTIONS

log = structlog.get_logger(__name__)
_CHUNK = 200
_WITHIN_S = 0.005
_DUE_CHECK_S = 0.25
#: Learned calls are known to the correlator after so long.
_EDGES_S = 2.0
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
        partitions: int,
        owns: Callable[[], bool],
    ) -> None:
        self._database = database
        self._config = config
        self._clock = clock
        self._partition = partition
        self._owns = owns
        self._partitions = partitions
        self._topology = Topology(())
        self._calls: set[tuple[str, str]] = set()
        self._declared: list[Edge] | None = None
        self._read_s = float("-inf")
        preset(BAD_INTERNAL_RECORDS, (DETECTIONS, store.GROUPS))
        self.begin()

    def begin(self) -> None:
        """The partition may be ours anew: nothing is known of what is due or was judged."""
        self._reached = LeastWatermark(self._partitions, self._clock.now_s())
        self._feed = FeedWatch()
        self._kept: store.Kept | None = None
        #: What correlator's and wall clock must show for a held or old group.
        self._due_s = (0.0, 0.0)

    async def run(self, stream: Stream[Any]) -> None:
        """Read detections for as long as the worker lives."""
        await self._config.wait_ready()
        async for events in stream.noack_take(_CHUNK, within=_WITHIN_S):
            await self._until_stored(events)
            for event in events:
                await stream.ack(event)

    async def settle_when_due(self) -> None:
        """Open held groups and drop old ones when their time has come."""
        await self._config.wait_ready()
        while True:
            await asyncio.sleep(_DUE_CHECK_S)
            if not self._is_due() or not self._owns():
                continue
            try:
                await self._store([])
            except (Unavailable, OffsetMoved) as error:
                log.warning("correlator waits", error=str(error))

    async def _until_stored(self, events: Sequence[EventT[Any]]) -> None:
        """Try until the detections are in PostgreSQL; a poisonous one alone is skipped."""
        for _ in range(_TRIES):
            try:
                await retrying("postgres, to store incidents")(self._store, events)
                return
            except Exception:
                log.exception("detections could not be correlated", count=len(events))
            if len(events) > 1:
                for event in events:
                    await self._until_stored([event])
                return
        await retrying("postgres, to skip a detection")(self._store, events, skip=True)

    async def _store(self, events: Sequence[EventT[Any]], *, skip: bool = False) -> None:
        """Fold the events not folded yet, and what is due, in one transaction."""
        now_s = self._clock.now_s()
        reads = [] if skip else self._read_all(events, now_s)
        clock_s = self._reached.reached_s(now_s)
        if events and not skip and not reads and not self._is_due():
            return  # marks alone change nothing that is stored
        for took_s in await self._transact(events, reads, clock_s, now_s):
            EVENT_TO_DETECTED_SECONDS.observe(took_s)

    async def _transact(
        self,
        events: Sequence[EventT[Any]],
        reads: list[Read],
        clock_s: float,
        now_s: float,
    ) -> list[float]:
        """Returns the latencies of the incidents that it opened, in seconds."""
        async with self._database.transaction() as con:
            place = await store.lock_offset(con, DETECTIONS, self._partition)
            # Remembered again when the transaction has ended well, and not before.
            kept, self._kept = self._kept, None
            if kept is None or kept.revision != place.revision:
                kept = await store.load_correlator(con, place)
            correlator = kept.correlator
            resolved = await store.resolved_of(con, correlator)
            topology = await self._known_topology(con)
            correlator.heed(resolved, topology)
            fresh = [read for read in reads if read.offset >= place.offset]
            commands = correlator.take(fresh, topology, clock_s, now_s)
            latencies_s = await carry_out(con, commands, now_s)
            new = events[-1].message.offset + 1 if events else place.offset
            new = max(new, place.offset)
            await store.save_correlator(con, kept, DETECTIONS, self._partition, place, new)
        self._kept = kept
        self._due_s = correlator.due_s
        return latencies_s

    async def _known_topology(self, con: Any) -> Topology:
        """The call graph, read anew every few seconds: there may be thousands of calls."""
        now_s = self._clock.monotonic_s()
        if self._declared is not self._config.topology or now_s >= self._read_s + _EDGES_S:
            self._declared, self._read_s = self._config.topology, now_s
            edges = [*self._declared, *await store.learned_edges(con)]
            calls = {(edge.caller, edge.callee) for edge in edges}
            if calls != self._calls:
                self._calls, self._topology = calls, Topology(edges)
        return self._topology

    def _is_due(self) -> bool:
        now_s = self._clock.now_s()
        return self._reached.reached_s(now_s) >= self._due_s[0] or now_s >= self._due_s[1]

    def _read_all(self, events: Sequence[EventT[Any]], now_s: float) -> list[Read]:
        """The detections; marks move the clock, unreadable records are counted."""
        found: list[Read] = []
        for event in events:
            message = event.message
            try:
                record = read_detection(message.value or b"")
            except ValueError as error:
                BAD_INTERNAL_RECORDS.labels(DETECTIONS).inc()
                log.warning("unreadable detection", offset=message.offset, error=str(error))
                continue
            if isinstance(record, Detection):
                silent = self._feed.is_silent(now_s)
                place = (DETECTIONS, self._partition, message.offset)
                found.append(Read(record, *place, record.at_s, now_s, silent))
            else:
                self._reached.mark(record.partition, record.watermark_s, now_s)
                self._feed.mark(record, now_s)
        return found
