"""The one door to PostgreSQL: a pool that opens late, with deadline and breaker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson

from liveops.breaker import Breaker
from liveops.errors import Unavailable
from liveops.metrics.stores import (
    POSTGRES_CONNECTIONS,
    POSTGRES_CONNECTIONS_LIMIT,
    POSTGRES_WAIT_SECONDS,
)

#: What asyncpg raises when the server is away, starting, stopping or overloaded.
TROUBLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a call on a connection that broke under it
    asyncpg.exceptions.CannotConnectNowError,
    asyncpg.exceptions.AdminShutdownError,
    asyncpg.exceptions.CrashShutdownError,
    asyncpg.exceptions.TooManyConnectionsError,
)

#: First byte of a jsonb value on the wire.
_JSONB_VERSION = b"\x01"


async def set_codecs(connection: asyncpg.Connection[Any]) -> None:
    """json and jsonb as Python objects; binary, so that COPY can write them."""
    await connection.set_type_codec(
        "json", encoder=orjson.dumps, decoder=orjson.loads, schema="pg_catalog", format="binary"
    )
    await connection.set_type_codec(
        "jsonb",
        encoder=lambda value: _JSONB_VERSION + orjson.dumps(value),
        decoder=lambda data: orjson.loads(data[1:]),
        schema="pg_catalog",
        format="binary",
    )


class Database:
    """Connections from a pool; every trouble of the server becomes Unavailable."""

    def __init__(self, dsn: str, max_connections: int = 5, deadline_s: float = 5.0) -> None:
        self.dsn = dsn
        #: Whether the server compares texts by their bytes; None while that is not known.
        self.compares_bytes: bool | None = None
        self._max_connections = max_connections
        self._deadline_s = deadline_s
        self._pool: asyncpg.Pool[Any] | None = None
        self._opening = asyncio.Lock()
        self._breaker = Breaker("postgres")

    @property
    def healthy(self) -> bool:
        """Whether the last use succeeded."""
        return self._breaker.healthy

    async def start(self) -> None:
        """Show the pool as metrics; it opens with the first use, so a late server is no error."""
        POSTGRES_CONNECTIONS.labels("used").set_function(self._used)
        POSTGRES_CONNECTIONS.labels("idle").set_function(self._idle)
        POSTGRES_CONNECTIONS_LIMIT.set(self._max_connections)

    async def stop(self) -> None:
        """Close all connections; hanging ones are cut after the deadline."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(self._deadline_s):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    async def ping(self) -> bool:
        """One round trip; False when the server is away."""
        try:
            async with self.connection() as con:
                await con.fetchval("SELECT 1")
        except Unavailable:
            return False
        return True

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy[Any]]:
        """A connection with command deadline; raises Unavailable("postgres")."""
        with self._breaker.call(TROUBLE) as probe:
            began_s = time.perf_counter()
            pool = await self._opened()
            async with pool.acquire(timeout=self._deadline_s) as con:
                POSTGRES_WAIT_SECONDS.observe(time.perf_counter() - began_s)
                if probe:
                    await con.fetchval("SELECT 1")
                    self._breaker.succeeded()  # nobody waits for the transaction to come
                yield con

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy[Any]]:
        """A connection inside one transaction; rolled back when the block raises."""
        async with self.connection() as con, con.transaction():
            yield con

    def _idle(self) -> int:
        return 0 if self._pool is None else self._pool.get_idle_size()

    def _used(self) -> int:
        return 0 if self._pool is None else self._pool.get_size() - self._pool.get_idle_size()

    async def _opened(self) -> asyncpg.Pool[Any]:
        if self._pool is None:
            async with self._opening:
                if self._pool is None:
                    self._pool = await asyncpg.create_pool(
                        self.dsn,
                        min_size=0,
                        max_size=self._max_connections,
                        timeout=self._deadline_s,
                        command_timeout=10.0,
                        init=set_codecs,
                    )
        return self._pool
