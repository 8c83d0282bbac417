"""Login throttling: wrong passwords cost waiting, counted in Redis for all copies.

A pair of address and user name is counted tightly, so that nobody can lock another out from
elsewhere; an address is counted loosely, and there whoever has signed in from it of late is
let through, so that many behind one proxy do not suffer from one of them. With Redis away
this process counts for itself.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter

from liveops.errors import Unavailable
from liveops.redis import keys
from liveops.redis.cache import Cache

#: Failures of an address with one name: a few a minute, some more in ten.
BY_PAIR: tuple[RateLimitItem, ...] = (RateLimitItemPerMinute(5), RateLimitItemPerMinute(20, 10))
#: Failures of an address with any name.
BY_ADDRESS = RateLimitItemPerMinute(100)
#: How long a sign-in makes the pair known.
_KNOWN = RateLimitItemPerSecond(1, 30 * 86_400, namespace="known")
#: An IPv6 client has a whole network of addresses.
_IPV6_PREFIX = 64
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Door:
    """Who tries to sign in: where from (an IP address or "") and as whom."""

    address: str
    name: str

    @property
    def place(self) -> str:
        """What stands for the address: itself, of IPv6 its network."""
        try:
            parsed = ipaddress.ip_address(self.address)
        except ValueError:
            return self.address
        if parsed.version == 4:
            return str(parsed)
        return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))

    @property
    def pair(self) -> str:
        """What stands for address and name; any text may be a name."""
        return hashlib.sha256(f"{self.place}\n{self.name}".encode()).hexdigest()


class Throttle:
    """Counts wrong passwords."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        pool = cache.client.connection_pool
        # limits asks for a client of its own otherwise, which nobody would close.
        shared = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=keys.LOGIN_PREFIX,
            connection_pool=pool,  # type: ignore[arg-type] # its type names plain values only
        )
        self._shared = _Counts(shared)
        self._own = _Counts(MemoryStorage())

    async def begin(self, door: Door) -> float:
        """Count a try; seconds until another is allowed, 0 when this one is."""
        return await self._ask(lambda counts: counts.begin(door))

    async def failed(self, door: Door) -> None:
        """The password was wrong."""
        await self._ask(lambda counts: counts.failed(door))

    async def succeeded(self, door: Door) -> None:
        """The password was right: the pair's failures are forgotten."""
        await self._ask(lambda counts: counts.succeeded(door))

    async def _ask(self, call: Callable[[_Counts], Awaitable[T]]) -> T:
        try:
            async with self._cache.guard():
                return await call(self._shared)
        except Unavailable:
            return await call(self._own)


class _Counts:
    """The counters in one storage."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._windows = FixedWindowRateLimiter(storage)

    async def begin(self, door: Door) -> float:
        # Counted before the password is looked at: tries at once cannot pass together.
        for limit in BY_PAIR:
            if not await self._windows.hit(limit, door.pair):
                return await self._left_s(limit, door.pair)
        if await self._windows.test(BY_ADDRESS, door.place):
            return 0.0
        if await self._storage.get(_KNOWN.key_for(door.pair)):
            return 0.0
        return await self._left_s(BY_ADDRESS, door.place)

    async def failed(self, door: Door) -> None:
        await self._windows.hit(BY_ADDRESS, door.place)

    async def succeeded(self, door: Door) -> None:
        for limit in BY_PAIR:
            await self._windows.clear(limit, door.pair)
        await self._storage.incr(_KNOWN.key_for(door.pair), _KNOWN.get_expiry())

    async def _left_s(self, limit: RateLimitItem, key: str) -> float:
        reset_s, _ = await self._windows.get_window_stats(limit, key)
        return max(1.0, math.ceil(reset_s - time.time()))
