"""PostgreSQL takes values of the whole double range without overflow."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from liveops.postgres.analyses import fetch_minutes
from liveops.postgres.archive import upsert_windows
from liveops.postgres.database import Database
from liveops.postgres.migrate import migrate
from schema.metrics import Aggregate
from tests.stack import TestServers

pytestmark = pytest.mark.integration
MOST = sys.float_info.max
START_S = int(time.time()) // 60 * 60 - 120


@pytest.fixture
async def database(servers: TestServers) -> AsyncIterator[Database]:
    await migrate(servers.database_url)
    database = Database(servers.database_url)
    yield database
    await database.stop()


def window(service: str, tag: str, mean: float, count: int) -> Aggregate:
    return Aggregate(
        service_name=service, metric_type="m", tags={"t": tag}, window="1m", start_s=START_S,
        end_s=START_S + 60, count=count, sum=max(-MOST, min(MOST, mean * count)), min=mean,
        max=mean, mean=mean, stddev=0.0, p50=mean, p95=mean, p99=mean, rate=1.0, final=True,
        revision=0, histogram={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ([(1.7e308, 1), (1.7e308, 1)], 1.7e308),
        ([(-1.7e308, 2), (-1.7e308, 5), (-1.7e308, 1)], -1.7e308),
        ([(MOST, 3), (MOST, 4)], MOST),
        ([(MOST, 1), (-MOST, 1)], 0.0),
        ([(5e-324, 1), (5e-324, 1)], 5e-324),
        ([(0.1, 3), (0.2, 1)], 0.125),
        ([(-1e200, 1)], -1e200),
    ],
)
async def test_the_mean_of_several_series_stays_in_range(
    database: Database, means: list[tuple[float, int]], expected: float
) -> None:
    service = f"svc-{uuid4().hex[:12]}"
    windows = [window(service, str(tag), *given) for tag, given in enumerate(means)]
    async with database.transaction() as con:
        await upsert_windows(con, windows)
    found = await fetch_minutes(database, [service], START_S, START_S + 60)
    assert [sample.value for sample in found] == [pytest.approx(expected, rel=1e-15)]
