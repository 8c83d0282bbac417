"""Pools, circuits and active incidents as metrics, on real stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from msgspec import structs

from agents.incidents.active import look
from liveops.clock import SystemClock
from liveops.metrics.detection import REGISTRY as DETECTION
from liveops.metrics.stores import POSTGRES, REDIS
from liveops.postgres.database import Database
from liveops.postgres.incidents import change_incident, create_incident
from liveops.postgres.migrate import migrate
from liveops.redis.cache import Cache
from tests.stack import TestServers
from tests.unit.rca.stories import detection, incident

pytestmark = pytest.mark.integration


@pytest.fixture
async def database(servers: TestServers) -> AsyncIterator[Database]:
    await migrate(servers.database_url)
    opened = Database(servers.database_url, max_connections=3)
    await opened.start()
    yield opened
    await opened.stop()


def postgres(state: str) -> float | None:
    return POSTGRES.get_sample_value("liveops_postgres_connections", {"state": state})


def waits() -> float:
    return POSTGRES.get_sample_value("liveops_postgres_wait_seconds_count") or 0.0


async def test_the_pool_to_postgres_shows_what_is_used(database: Database) -> None:
    assert (postgres("used"), postgres("idle")) == (0, 0)
    before = waits()
    async with database.connection(), database.connection():
        assert (postgres("used"), postgres("idle")) == (2, 0)
    assert (postgres("used"), postgres("idle")) == (0, 2)
    assert POSTGRES.get_sample_value("liveops_postgres_connections_limit") == 3
    assert waits() == before + 2


async def test_the_pool_to_redis_shows_its_connections_and_uses(servers: TestServers) -> None:
    def uses() -> float:
        return REDIS.get_sample_value("liveops_redis_seconds_count") or 0.0

    def connections(state: str) -> float | None:
        return REDIS.get_sample_value("liveops_redis_connections", {"state": state})

    cache = Cache(servers.redis_url)
    await cache.start()
    before = uses()
    assert await cache.ping()
    assert (connections("used"), connections("idle")) == (0, 1)
    assert uses() == before + 1
    await cache.stop()


async def test_active_incidents_are_counted_by_severity_until_they_are_resolved(
    database: Database,
) -> None:
    def active() -> float:
        name = "liveops_incidents_active"
        return DETECTION.get_sample_value(name, {"severity": "low"}) or 0.0

    now_s = SystemClock().now_s()
    new = structs.replace(
        incident(detection("shop")), id=str(uuid4()), severity="low", detected_at_s=now_s
    )
    await look(database)
    before = active()
    async with database.transaction() as con:
        await create_incident(con, new, "test")
    await look(database)
    assert active() == before + 1
    async with database.transaction() as con:
        await change_incident(con, new.id, "test", now_s, lambda _: {"status": "resolved"})
    await look(database)
    assert active() == before
