"""One metric of a service out of many with names like it, by whichever query."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from liveops.clock import FakeClock
from liveops.postgres.database import Database
from liveops.postgres.history import WindowQuery, read_windows
from liveops.postgres.migrate import migrate
from tests.rolled import Rolled
from tests.stack import TestServers

pytestmark = pytest.mark.integration
DAY_S = 1_757_548_800
NAMES = ["cpu", "cpu.a", "cpu:b", "cpu_c", "cpu/d", "cpuz", "cp", "CPU", "cpu-"]


@pytest.fixture
async def rolled(servers: TestServers) -> AsyncIterator[Rolled]:
    await migrate(servers.database_url)
    database = Database(servers.database_url)
    yield Rolled(database, FakeClock(DAY_S + 86_400.0))
    async with database.connection() as con:
        await con.execute("TRUNCATE rollup_changes")
    await database.stop()


@pytest.mark.parametrize("compares_bytes", [None, False])
async def test_all_series_of_a_metric_and_no_others(
    rolled: Rolled, compares_bytes: bool | None
) -> None:
    for name in NAMES:
        for pod in ("", "1", "\U0010ffff"):
            await rolled.store(rolled.report((name, pod), DAY_S, 1.0))
    rolled.database.compares_bytes = compares_bytes
    for name in NAMES:
        query = WindowQuery((rolled.service,), (name,), "1m", DAY_S, DAY_S + 60)
        found = await read_windows(rolled.database, query, 100)
        assert [row["metric_type"] for row in found] == [name] * 3
    assert rolled.database.compares_bytes is (compares_bytes is None)
