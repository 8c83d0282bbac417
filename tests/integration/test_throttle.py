"""The login throttle counts in the real Redis, for all copies of the worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from liveops.redis.cache import Cache
from liveops.security.throttle import BY_PAIR, Door, Throttle
from tests.stack import TestServers

pytestmark = pytest.mark.integration


@pytest.fixture
async def copies(servers: TestServers) -> AsyncIterator[tuple[Throttle, Throttle]]:
    """Two workers' throttles."""
    caches = Cache(servers.redis_url), Cache(servers.redis_url)
    yield Throttle(caches[0]), Throttle(caches[1])
    for cache in caches:
        assert cache.healthy
        await cache.stop()


async def test_what_one_copy_counts_the_other_knows(copies: tuple[Throttle, Throttle]) -> None:
    one, other = copies
    door = Door("192.0.2.1", uuid4().hex)
    for _ in range(BY_PAIR[0].amount):
        assert await one.begin(door) == 0
        await one.failed(door)
    assert 1 <= await other.begin(door) <= 60
    await one.succeeded(door)
    assert await other.begin(door) == 0
