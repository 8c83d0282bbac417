"""The archive's hourly sweep: days past the retention go, days to come are there."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from liveops.postgres.database import Database
from liveops.postgres.migrate import migrate
from liveops.postgres.partitions import ROLLUPS, make_month
from liveops.services.archive import keep_retention
from tests.client import eventually
from tests.stack import TestServers

pytestmark = pytest.mark.integration
OLD = "metrics_20200101"
OLD_MONTH = "metric_rollups_202001"


async def test_old_days_are_dropped_at_the_start(servers: TestServers) -> None:
    await migrate(servers.database_url)
    database = Database(servers.database_url)
    settings = SimpleNamespace(
        raw_retention_days=7, window_retention_days=90, rollup_retention_days=365
    )
    deps = cast(Any, SimpleNamespace(settings=settings, database=database))

    async def gone() -> bool:
        async with database.connection() as con:
            left = [await con.fetchval("SELECT to_regclass($1)", name) for name in (OLD, OLD_MONTH)]
            return left == [None, None]

    async with database.connection() as con:
        await con.execute(
            f"CREATE TABLE {OLD} PARTITION OF metrics "
            "FOR VALUES FROM ('2020-01-01 00:00:00Z') TO ('2020-01-02 00:00:00Z')"
        )
        await make_month(con, date(2020, 1, 31))
        assert await con.fetchval("SELECT to_regclass($1)", OLD_MONTH)
    sweeping = asyncio.create_task(keep_retention(deps))
    try:
        await eventually(gone, "the drop")
        assert not sweeping.done()
        async with database.connection() as con:  # what lies within the retention stays
            this_month = f"{ROLLUPS}_{datetime.now(UTC):%Y%m}"
            assert await con.fetchval("SELECT to_regclass($1)", this_month)
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await database.stop()
