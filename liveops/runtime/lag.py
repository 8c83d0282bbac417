"""Looks at the lag of a worker's partitions: a metric, and what the watchdog judges by.

End offsets come from a consumer of its own: Faust's own view stands still with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

import structlog
from faust.types import TP
from faust.types.app import AppT

from liveops.clock import Clock
from liveops.errors import Unavailable
from liveops.kafka.offsets import LogOffsets
from liveops.kafka.progress import committed_offsets
from liveops.metrics.worker import CONSUMER_LAG, LOOP_LAG_SECONDS
from liveops.runtime.watchdog import Watchdog
from liveops.settings import Settings

log = structlog.get_logger(__name__)
_LOOK_S = 5.0
_DEADLINE_S = 4.0
_NAP_S = 0.1


class LagWatch:
    """A background service that looks every few seconds; `alive` answers the liveness probe.

    `healthy` tells whether everything the worker needs is there.
    """

    def __init__(
        self, app: AppT, settings: Settings, clock: Clock, healthy: Callable[[], Awaitable[bool]]
    ) -> None:
        self._app = app
        self._offsets = LogOffsets(settings, _DEADLINE_S)
        self._clock = clock
        self._healthy = healthy
        self._watchdog = Watchdog()
        self._group = str(app.conf.id)
        self._shown: set[tuple[str, int]] = set()

    def alive(self) -> bool:
        """False when a partition stands still though everything it needs is there."""
        stuck = self._watchdog.stuck(self._clock.monotonic_s())
        if stuck:
            log.error("no progress though all stores answer", partitions=[str(p) for p in stuck])
        return not stuck

    async def run(self) -> None:
        """Look until the worker stops."""
        try:
            while True:
                await asyncio.sleep(_LOOK_S)
                await self._look()
        finally:
            await self._offsets.stop()

    async def _look(self) -> None:
        healthy = await self._healthy()
        committed: dict[TP, int] = {}
        ends: dict[TP, int] = {}
        if not self._app.rebalancing:
            committed = committed_offsets(self._app)
            try:
                ends = await self._ends(committed)
            except Unavailable:
                healthy = False
        self._show(committed, ends)
        self._watchdog.observe(self._clock.monotonic_s(), committed, ends, healthy=healthy)

    async def _ends(self, partitions: Iterable[TP]) -> dict[TP, int]:
        by_topic: dict[str, list[int]] = {}
        for tp in partitions:
            by_topic.setdefault(tp.topic, []).append(tp.partition)
        found: dict[TP, int] = {}
        for topic, numbers in by_topic.items():
            bounds = await self._offsets.bounds(topic, numbers)
            found |= {TP(topic, number): bound.end for number, bound in bounds.items()}
        return found

    def _show(self, committed: Mapping[TP, int], ends: Mapping[TP, int]) -> None:
        seen = {(tp.topic, tp.partition) for tp in ends}
        for topic, partition in self._shown - seen:
            CONSUMER_LAG.remove(self._group, topic, str(partition))
        for tp, end in ends.items():
            lag = CONSUMER_LAG.labels(self._group, tp.topic, str(tp.partition))
            lag.set(max(0, end - committed[tp]))
        self._shown = seen


async def loop_lag() -> None:
    """Measure how late the loop wakes a sleeper, ten times a second."""
    loop = asyncio.get_running_loop()
    while True:
        before_s = loop.time()
        await asyncio.sleep(_NAP_S)
        LOOP_LAG_SECONDS.observe(max(0.0, loop.time() - before_s - _NAP_S))
