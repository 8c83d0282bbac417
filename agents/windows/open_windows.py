"""Open windows out to their topic, as soon as the fold gives them; and the ticks.

Apart from the checkpoints (agents/windows/checkpoint.py): a long one must not make them old.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress

import structlog
from faust.types import TP
from faust.types.app import AppT

from agents.windows.agent import WindowAgent
from agents.windows.live_feed import LiveFeed
from agents.windows.partition_windows import OpenRecord
from liveops.clock import Clock
from liveops.errors import Unavailable
from liveops.kafka.producer import Outgoing, Producer
from liveops.kafka.progress import holds_lease, read_to_end, unacknowledged
from liveops.metrics.windows import EMISSION_DELAY_SECONDS, WATERMARK_DELAY_SECONDS, WINDOWS_EMITTED
from liveops.runtime.exit_codes import LOST_STATE
from schema.topics import RAW, RAW_KEYED, WINDOWS_OPEN

log = structlog.get_logger(__name__)
#: How often a partition read to its end says so to those it forwards to.
_MARK_S = 1.0
#: A service that spoke within this time counts for the watermark's delay.
_LIVE_S = 300.0


class OpenWindows:
    """Ticks and sends open windows while `in_force` says that the assignment is."""

    def __init__(
        self,
        app: AppT,
        agent: WindowAgent,
        producer: Producer,
        live: LiveFeed,
        clock: Clock,
        *,
        in_force: Callable[[], bool],
        interval_s: float,
    ) -> None:
        self._app = app
        self._agent = agent
        self._producer = producer
        self._live = live
        self._clock = clock
        self._in_force = in_force
        self._interval_s = interval_s
        self._next_tick_s = 0.0
        self._next_mark_s = 0.0

    async def run(self) -> None:
        """Send when there is something to send; tick each interval."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._agent.emitted.wait()
            self._agent.emitted.clear()
            if self._in_force():
                marks = self._tick_when_due()
                await self._send_all()
                await self._send_marks(marks)

    def _tick_when_due(self) -> list[tuple[int, Outgoing]]:
        """Tick; marks of this worker's partitions with where they go, when they are due."""
        now_s = self._clock.monotonic_s()
        if now_s < self._next_tick_s:
            return []
        self._next_tick_s = now_s + self._interval_s
        try:
            marks = self._tick(self._clock.now_s())
        except Exception:
            log.exception("a tick left the windows half done; stopping, to begin from the state")
            os._exit(LOST_STATE)
        self._measure(self._clock.now_s())
        return marks

    def _tick(self, now_s: float) -> list[tuple[int, Outgoing]]:
        is_due = self._clock.monotonic_s() >= self._next_mark_s and holds_lease(self._app)
        if is_due:
            self._next_mark_s = self._clock.monotonic_s() + _MARK_S
        marks: list[tuple[int, Outgoing]] = []
        for number, owned in self._agent.owned.items():
            if self._caught_up(number):
                owned.windows.tick(now_s)
                if is_due and (owned.sending is None or owned.sending.done()):
                    marks += owned.windows.marks(now_s).items()
        return marks

    async def _send_marks(self, marks: list[tuple[int, Outgoing]]) -> None:
        """Tell other partitions that all for them is handed on; the next marks say it again."""
        by_home: dict[int, list[Outgoing]] = {}
        for home, mark in marks:
            by_home.setdefault(home, []).append(mark)
        sends = [self._producer.send_in_order(RAW_KEYED, h, found) for h, found in by_home.items()]
        for failed in await asyncio.gather(*sends, return_exceptions=True):
            if isinstance(failed, Unavailable):
                log.warning("marks were not sent", error=str(failed))
            elif failed is not None:
                raise failed

    def _measure(self, now_s: float) -> None:
        """How far the slowest service that lately spoke is behind."""
        marks = [
            service.watermark_s
            for owned in self._agent.owned.values()
            for service in owned.windows.state.services.values()
            if service.event_append_s > now_s - _LIVE_S
        ]
        WATERMARK_DELAY_SECONDS.set(max(0.0, now_s - min(marks, default=now_s)))

    def _caught_up(self, number: int) -> bool:
        """Whether every record of the partition has been read and folded."""
        waiting = sum(len(owned.unacknowledged) for owned in self._agent.owned.values())
        if unacknowledged(self._app, (RAW, RAW_KEYED)) > waiting:
            return False
        return all(read_to_end(self._app, TP(topic, number)) for topic in (RAW, RAW_KEYED))

    async def _send_all(self) -> None:
        """Each partition's records in order, the partitions side by side."""
        due = {n: owned.windows.open_records() for n, owned in self._agent.owned.items()}
        await asyncio.gather(*(self._send(n, records) for n, records in due.items() if records))

    async def _send(self, number: int, records: list[OpenRecord]) -> None:
        outgoing = [Outgoing(record.service, record.value) for record in records]
        try:
            await self._producer.send_in_order(WINDOWS_OPEN, number, outgoing)
        except Unavailable as error:
            log.warning("open windows were not sent", error=str(error))
        now_s = self._clock.now_s()
        for _, windows, _, newest_s in records:
            EMISSION_DELAY_SECONDS.observe(max(0.0, now_s - newest_s))
            WINDOWS_EMITTED.labels("open").inc(sum(len(item.records) for item in windows))
            self._live.show_windows(windows)
