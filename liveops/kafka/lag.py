"""Looks at the lag of a worker's partitions: a metric, and food for the watchdog.

End offsets come from a consumer of its own: Faust's own view stands still with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types.app import AppT

from liveops.clock import Clock
from liveops.kafka.progress import committed_offsets
from liveops.metrics import CONSUMER_LAG, LOOP_LAG_SECONDS
from liveops.settings import Settings
from liveops.watchdog import Watchdog

log = structlog.get_logger(__name__)
_LOOK_S = 5.0
_DEADLINE_S = 4.0
_NAP_S = 0.1
Check = Callable[[], Awaitable[bool]]


class LagWatch:
    """A part that looks every few seconds; `alive` answers the liveness probe."""

    def __init__(
        self, app: AppT, settings: Settings, clock: Clock, stores: Mapping[str, Check]
    ) -> None:
        self._app = app
        self._servers = settings.bootstrap_servers
        self._clock = clock
        self._stores = stores
        self._watchdog = Watchdog()
        self._consumer: AIOKafkaConsumer | None = None
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
            await self._close()

    async def _look(self) -> None:
        ends: dict[Hashable, int] = {}
        committed: dict[Hashable, int] = {}
        healthy = all(await asyncio.gather(*(_answers(check) for check in self._stores.values())))
        if not self._app.rebalancing:
            committed |= committed_offsets(self._app)
            try:
                ends |= await self._ends(list(committed))
            except (KafkaError, OSError, TimeoutError):
                healthy = False
        self._show(committed, ends)
        self._watchdog.observe(self._clock.monotonic_s(), committed, ends, healthy=healthy)

    async def _ends(self, partitions: list[Any]) -> dict[Hashable, int]:
        if not partitions:
            return {}
        async with asyncio.timeout(_DEADLINE_S):
            if self._consumer is None:
                consumer = AIOKafkaConsumer(bootstrap_servers=self._servers)
                await consumer.start()
                self._consumer = consumer
            wanted = [TopicPartition(tp.topic, tp.partition) for tp in partitions]
            found = await self._consumer.end_offsets(wanted)
        return {tp: found[want] for tp, want in zip(partitions, wanted, strict=True)}

    def _show(self, committed: Mapping[Any, int], ends: Mapping[Any, int]) -> None:
        seen = {(tp.topic, tp.partition) for tp in ends}
        for topic, partition in self._shown - seen:
            CONSUMER_LAG.remove(topic, str(partition))
        for tp, end in ends.items():
            CONSUMER_LAG.labels(tp.topic, str(tp.partition)).set(max(0, end - committed[tp]))
        self._shown = seen

    async def _close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()


async def loop_lag() -> None:
    """Measure how late the loop wakes a sleeper, ten times a second."""
    loop = asyncio.get_running_loop()
    while True:
        before_s = loop.time()
        await asyncio.sleep(_NAP_S)
        LOOP_LAG_SECONDS.observe(max(0.0, loop.time() - before_s - _NAP_S))


async def _answers(check: Check) -> bool:
    try:
        async with asyncio.timeout(_DEADLINE_S):
            return await check()
    except Exception:
        return False
