"""Keeps what Redis holds for good within bounds."""

from __future__ import annotations

import asyncio

import structlog

from liveops.clock import Clock
from liveops.errors import Unavailable
from liveops.redis import keys
from liveops.redis.cache import Cache

log = structlog.get_logger(__name__)
_EVERY_S = 600.0
#: A service without a metric for so long is none any more.
FORGET_AFTER_S = 14 * 86_400.0
#: Services known at most; above it those seen longest ago go.
MAX_SERVICES = 20_000


class CacheHousekeeping:
    """Sweeps now and then; any number of copies may do so."""

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                await forget_services(self._cache, self._clock.now_s())
            except Unavailable:
                log.debug("not swept, redis is away")
            await asyncio.sleep(_EVERY_S)


async def forget_services(cache: Cache, now_s: float) -> None:
    """Forget services without metrics for two weeks; raises Unavailable."""
    async with cache.guard() as client:
        await client.zremrangebyscore(keys.SERVICES, "-inf", f"({now_s - FORGET_AFTER_S}")
        await client.zremrangebyrank(keys.SERVICES, 0, -MAX_SERVICES - 1)
