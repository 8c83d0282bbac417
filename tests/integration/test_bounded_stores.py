"""Revocations asked of PostgreSQL; learned edges and services seen are kept within bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from liveops.clock import SystemClock
from liveops.postgres import housekeeping, users
from liveops.postgres.database import Database
from liveops.postgres.migrate import migrate
from liveops.postgres.revocations import revocations_of
from liveops.postgres.topology import learn_edges, read_topology
from liveops.redis import housekeeping as cache_housekeeping
from liveops.redis import keys
from liveops.redis.cache import Cache
from liveops.security.principal import Principal
from liveops.security.tokens import user_token, verify
from tests.stack import TestServers
from web.authentication import is_revoked

pytestmark = pytest.mark.integration
SECRET = "s" * 40


@pytest.fixture
async def database(servers: TestServers) -> AsyncIterator[Database]:
    await migrate(servers.database_url)
    database = Database(servers.database_url)
    yield database
    await database.stop()


def caller(name: str, ago_s: float = 0.0) -> Principal:
    now_s = SystemClock().now_s()
    return verify(SECRET, user_token(SECRET, name, ["MANAGER"], now_s - ago_s, 900), now_s)


async def refused(database: Database, principal: Principal) -> bool:
    return is_revoked(principal, await revocations_of(database, principal))


async def test_a_revoked_token_and_a_shut_out_user_are_known_to_postgres(
    database: Database,
) -> None:
    name = f"u{uuid4().hex[:8]}"
    first, second = caller(name, 10), caller(name, 10)
    assert not await refused(database, first)
    async with database.transaction() as con:
        await users.revoke_token(con, first.jti, first.expires_at_s)
    assert [await refused(database, item) for item in (first, second)] == [True, False]
    await users.add_user(database, f"{name}-engineer", "hash", ["ENGINEER"])
    await users.add_user(database, name, "hash", ["MANAGER"])
    await users.delete_user(database, name)
    assert [await refused(database, item) for item in (first, second)] == [True, True]
    later = SystemClock().now_s() + 5
    token = user_token(SECRET, name, ["MANAGER"], later, 900)
    assert not await refused(database, verify(SECRET, token, later))


async def test_learned_edges_expire_and_are_bounded(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "MAX_LEARNED_EDGES", 3)
    mark = uuid4().hex[:8]
    await learn_edges(
        database, [("a", "x" * 200), ("a", "b\x00"), *((mark, f"callee-{n}") for n in range(5))]
    )
    query = "UPDATE topology_edges SET last_seen = now() - make_interval(days => $3)"
    async with database.connection() as con:
        for number, days in enumerate((15, 0, 1, 2, 3)):
            where = " WHERE caller = $1 AND callee = $2"
            await con.execute(query + where, mark, f"callee-{number}", days)
    await housekeeping.sweep(database)
    left = sorted(edge.callee for edge in await read_topology(database) if edge.caller == mark)
    assert left == ["callee-1", "callee-2", "callee-3"]


async def test_services_seen_expire_and_are_bounded(
    servers: TestServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_housekeeping, "MAX_SERVICES", 3)
    cache, now_s = Cache(servers.redis_url), 1e10
    try:
        async with cache.guard() as client:
            await client.zadd(keys.SERVICES, {f"s{n}": now_s - n * 86_400 for n in range(20)})
            await cache_housekeeping.forget_services(cache, now_s)
            assert await client.zrevrange(keys.SERVICES, 0, -1) == ["s0", "s1", "s2"]
            await cache_housekeeping.forget_services(cache, now_s + 13 * 86_400)
            assert await client.zrevrange(keys.SERVICES, 0, -1) == ["s0", "s1"]
            await client.delete(keys.SERVICES)
    finally:
        await cache.stop()
