"""The guard before Redis: a server that was away is tried by one call, not by all."""

from __future__ import annotations

import asyncio

import pytest

from liveops.breaker import Breaker
from liveops.clock import FakeClock
from liveops.errors import Unavailable
from liveops.redis.cache import Cache


async def broken(clock: FakeClock) -> Cache:
    """A cache whose circuit has just opened."""
    cache = Cache("redis://127.0.0.1:1/0")
    cache._breaker = Breaker("redis", clock=clock)
    for _ in range(3):
        with pytest.raises(Unavailable):
            async with cache.guard():
                raise OSError
    with pytest.raises(Unavailable):
        async with cache.guard():
            pytest.fail("the circuit is open")
    return cache


class Calls:
    """Calls that stay inside the guard until `end` is set."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self.inside = 0
        self.refused = 0
        self.end = asyncio.Event()

    async def one(self) -> None:
        try:
            async with self._cache.guard():
                self.inside += 1
                await self.end.wait()
        except Unavailable:
            self.refused += 1


async def test_a_half_open_circuit_lets_exactly_one_of_fifty_through() -> None:
    clock = FakeClock()
    calls = Calls(await broken(clock))
    clock.advance(1.0)
    tasks = [asyncio.create_task(calls.one()) for _ in range(50)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (calls.inside, calls.refused) == (1, 49)
    calls.end.set()
    await asyncio.gather(*tasks)
    await calls.one()
    assert calls.inside == 2


async def test_a_probe_that_fails_opens_the_circuit_for_the_whole_time_again() -> None:
    clock = FakeClock()
    cache = await broken(clock)
    clock.advance(1.0)
    with pytest.raises(Unavailable):
        async with cache.guard():
            raise OSError
    clock.advance(0.9)
    with pytest.raises(Unavailable):
        async with cache.guard():
            pytest.fail("the circuit is open")
    clock.advance(0.2)
    async with cache.guard():
        pass


async def test_a_probe_given_up_leaves_the_way_to_the_next() -> None:
    clock = FakeClock()
    calls = Calls(await broken(clock))
    clock.advance(1.0)
    task = asyncio.create_task(calls.one())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    calls.end.set()
    await calls.one()
    assert calls.inside == 2
