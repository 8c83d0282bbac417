"""The archive's hourly sweep: days past the retention go, days to come are there."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from liveops.postgres.database import Database
from liveops.postgres.migrate import migrate
from liveops.services.archive import keep_retention
from tests.client import eventually
from tests.stack import TestServers

pytestmark = pytest.mark.integration
OLD = "metrics_20200101"


async def test_old_days_are_dropped_at_the_start(servers: TestServers) -> None:
    await migrate(servers.database_url)
    database = Database(servers.database_url)
    settings = SimpleNamespace(
        raw_retention_days=7, window_retention_days=90, rollup_retention_days=365
    )
    deps = cast(Any, SimpleNamespace(settings=settings, database=database))

    async def gone() -> bool:
        async with database.connection() as con:
            return await con.fetchval("SELECT to_regclass($1)", OLD) is None

    async with database.connection() as con:
        await con.execute(
            f"CREATE TABLE {OLD} PARTITION OF metrics "
            "FOR VALUES FROM ('2020-01-01 00:00:00Z') TO ('2020-01-02 00:00:00Z')"
        )
    sweeping = asyncio.create_task(keep_retention(deps))
    try:
        await eventually(gone, "the drop")
        assert not sweeping.done()
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await database.stop()
