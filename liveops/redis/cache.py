"""Redis behind a guard: a cache and a fan-out, never the truth."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import DataError, RedisError

from liveops.breaker import Breaker
from liveops.errors import Unavailable
from liveops.metrics.stores import REDIS_CONNECTIONS, REDIS_SECONDS

#: The server is away or overloaded. A DataError, a command that cannot be, is our mistake.
_TROUBLE = (RedisError, OSError, TimeoutError)


class Cache:
    """One client; trouble of the server becomes Unavailable("redis")."""

    def __init__(self, url: str, deadline_s: float = 2.0) -> None:
        self.client: Redis = Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=deadline_s,
            socket_connect_timeout=deadline_s,
        )
        #: For subscriptions, which wait for messages longer than any deadline.
        self.subscriber: Redis = Redis.from_url(
            url, decode_responses=True, socket_connect_timeout=deadline_s
        )
        self._breaker = Breaker("redis")

    @property
    def healthy(self) -> bool:
        """Whether the last use succeeded."""
        return self._breaker.healthy

    @asynccontextmanager
    async def guard(self) -> AsyncIterator[Any]:
        """The client; raises Unavailable("redis") at once while the breaker is open."""
        with self._breaker.call(_TROUBLE, but=(DataError,)), REDIS_SECONDS.time():
            yield self.client

    async def start(self) -> None:
        """Show the pool as metrics; it connects with the first use."""
        for place, state in enumerate(("idle", "used")):
            REDIS_CONNECTIONS.labels(state).set_function(partial(self._connections, place))

    def _connections(self, place: int) -> int:
        return int(self.client.connection_pool.get_connection_count()[place][0])

    async def ping(self) -> bool:
        """One round trip; False when the server is away."""
        try:
            async with self.guard() as client:
                await client.ping()
        except Unavailable:
            return False
        return True

    async def stop(self) -> None:
        """Close both clients."""
        await self.client.aclose()
        await self.subscriber.aclose()
