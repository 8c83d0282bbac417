"""What the detectors do beside reading: store state, judge silence, keep learned edges."""

from __future__ import annotations

import asyncio
import os

import structlog
from faust.types.app import AppT

from agents.incidents.detect import DETECTIONS_KEY, DetectAgent
from agents.incidents.leaving import YIELD_EVERY, forget_deleted
from agents.incidents.remembering import Remembering
from liveops.clock import Clock
from liveops.detection.absence import judge_absence
from liveops.detection.codec import encode_presence, encode_series
from liveops.detection.forgetting import LOOK_EVERY_S, forget_silent
from liveops.detection.report import Outcome
from liveops.errors import Unavailable
from liveops.kafka.producer import Outgoing, Producer
from liveops.kafka.progress import read_to_end, unacknowledged
from liveops.metrics.detection import SERIES_FORGOTTEN
from liveops.postgres.database import Database
from liveops.postgres.topology import learn_edges
from liveops.runtime.exit_codes import LOST_STATE
from liveops.series.registry import Registry
from schema.incidents import write_mark
from schema.topics import AGGREGATED, DETECTIONS, WINDOWS_OPEN
from tables.detectors import key_of

log = structlog.get_logger(__name__)
_ROUND_S = 0.25
_ABSENCE_CHECK_S = 1.0
_MARKS_S = 1.0
_EDGES_S = 60.0
#: An edge that is still seen is written again after this, so that it does not expire.
_EDGE_AGAIN_S = 6 * 3600.0
_CHANGELOG_DEADLINE_S = 120.0
#: Not caught up for this long is a backlog, in which silence cannot be told.
_BACKLOG_S = 10.0
#: Less than the time the group waits for a member in a rebalance.
_SUSPEND_DEADLINE_S = 8.0


class DetectorUpkeep:
    """Runs while this worker's assignment is in force."""

    def __init__(
        self,
        app: AppT,
        agent: DetectAgent,
        database: Database,
        producer: Producer,
        clock: Clock,
        remembering: Remembering,
    ) -> None:
        self._app = app
        self._agent = agent
        self._database = database
        self._producer = producer
        self._clock = clock
        self._remembering = remembering
        self._since_s = self._caught_up_s = clock.now_s()
        self._forgot_s = float("-inf")
        self._edges_written: Registry[tuple[str, str]] = Registry()
        #: Held while state is on its way to the changelog.
        self._storing = asyncio.Lock()
        #: Whether the recovered state is loaded and no rebalance has begun.
        self.active = False

    def resume(self) -> None:
        """The recovered state is loaded; silence counts from now."""
        self._since_s = self._clock.now_s()
        self.active = True

    async def suspend(self) -> None:
        """Finish the checkpoint under way; from now on the partitions may have other owners.

        One that does not end in time would write over the next owner's state.
        """
        self.active = False
        try:
            async with asyncio.timeout(_SUSPEND_DEADLINE_S), self._storing:
                pass
        except TimeoutError:
            log.error("the last checkpoint does not end; stopping, so that it cannot come late")
            os._exit(LOST_STATE)

    async def run(self) -> None:
        """Checkpoint each round; a lost changelog write ends the process."""
        looked_s = 0.0
        while True:
            await asyncio.sleep(_ROUND_S)
            if not self.active:
                continue
            if self._clock.monotonic_s() - looked_s >= _ABSENCE_CHECK_S:
                looked_s = self._clock.monotonic_s()
                await self.look_for_absence()
            try:
                await self.checkpoint()
            except Exception:
                log.exception("detector state could not be stored; stopping")
                os._exit(LOST_STATE)

    async def checkpoint(self) -> None:
        """Store what changed, await the changelog's acks, then acknowledge the records."""
        async with self._agent.lock:
            if not self.active:
                return
            await self._storing.acquire()  # free: `suspend` holds it for no longer than it waits
            events, self._agent.unacknowledged = self._agent.unacknowledged, []
            wrote = self._write()
            # What is kept of a series is never newer than its state in the changelog.
            memories = self._remembering.due(self._agent.services)
        try:
            if wrote:
                async with asyncio.timeout(_CHANGELOG_DEADLINE_S):
                    await self._agent.table.written()
        finally:
            self._storing.release()
        self._remembering.keep(memories)
        for event in events:
            event.ack()

    def _write(self) -> bool:
        table, wrote = self._agent.table, False
        services = self._agent.services
        gone, services.gone_keys = services.gone_keys, []
        for key in gone:
            if key in table:
                del table[key]
                wrote = True
        for service, watched in services.by_name.items():
            unsaved, watched.unsaved = watched.unsaved, set()
            for series in unsaved:
                table[key_of(service, series)] = encode_series(watched.state.series[series])
            if watched.presence_unsaved:
                watched.presence_unsaved = False
                table[key_of(service)] = encode_presence(watched.state.presence, watched.offsets)
                wrote = True
            wrote = wrote or bool(unsaved)
        return wrote

    async def look_for_absence(self) -> None:
        """Move the live services' clocks to the wall clock, when all there is was read."""
        now_s = self._clock.now_s()
        if not self._caught_up():
            # Now and then a record is just on its way; a backlog lasts.
            if now_s - self._caught_up_s > _BACKLOG_S:
                self._since_s = now_s
            return
        self._caught_up_s = now_s
        for number, (service, watched) in enumerate(list(self._agent.services.by_name.items())):
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            try:
                async with self._agent.lock:
                    if self._agent.services.by_name.get(service) is not watched:
                        continue  # revoked, or forced out meanwhile
                    if await forget_deleted(self._agent, service):
                        continue
                    outcome = judge_absence(watched.state, now_s, self._agent.book, self._since_s)
                    await self._agent.publish(watched, outcome)
            except Exception:
                log.exception("silence not judged", watched=watched.state.service)
        if now_s - self._forgot_s >= LOOK_EVERY_S:
            self._forgot_s = now_s
            await self._forget_silent(now_s)

    async def _forget_silent(self, now_s: float) -> None:
        """Forget what has been silent for two weeks in the time of its service."""
        for number, (service, watched) in enumerate(list(self._agent.services.by_name.items())):
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            async with self._agent.lock:
                if self._agent.services.by_name.get(service) is not watched:
                    continue  # revoked, or forced out meanwhile
                outcome = Outcome()
                gone = forget_silent(watched.state, now_s, outcome)
                await self._agent.publish(watched, outcome)
                if gone:
                    self._agent.services.drop(service)
            SERIES_FORGOTTEN.labels("silent").inc(len(outcome.forgotten))

    def _caught_up(self) -> bool:
        """Whether every record of the owned partitions has been read and judged."""
        topics = (AGGREGATED, WINDOWS_OPEN)
        owned = [tp for tp in self._app.consumer.assignment() if tp.topic in topics]
        if not all(read_to_end(self._app, tp) for tp in owned):
            return False
        return unacknowledged(self._app, topics) <= len(self._agent.unacknowledged)

    async def send_marks(self) -> None:
        """Tell the correlator each second what the partitions have been judged up to."""
        while True:
            await asyncio.sleep(_MARKS_S)
            if self.active:
                await self._send_marks(self._clock.now_s())

    async def _send_marks(self, now_s: float) -> None:
        """Every detection before a mark is on the broker: judging holds the lock until then."""
        owned = [tp for tp in self._app.consumer.assignment() if tp.topic == AGGREGATED]
        async with self._agent.lock:
            marks = self._agent.services.marks(
                [tp.partition for tp in owned], now_s if self._caught_up() else None
            )
        records = [Outgoing(DETECTIONS_KEY, write_mark(mark)) for mark in marks]
        try:
            await self._producer.send_in_order(DETECTIONS, self._agent.home, records)
        except Unavailable:
            log.debug("marks not sent, kafka is away")

    async def keep_edges(self) -> None:
        """Write edges learned from peer tags, each again now and then while it is seen."""
        while True:
            await asyncio.sleep(_EDGES_S)
            await self._write_edges(self._clock.now_s())

    async def _write_edges(self, now_s: float) -> None:
        seen = self._agent.edges
        self._agent.edges = set()
        for edge in self._edges_written.expired(now_s - _EDGE_AGAIN_S):
            self._edges_written.forget(edge)
        new = sorted(edge for edge in seen if edge not in self._edges_written)
        if not new:
            return
        try:
            await learn_edges(self._database, new)
        except Unavailable:
            log.debug("learned edges not written, postgres is away")
            return
        for edge in new:
            self._edges_written.touch(edge, now_s)
