"""No question of the API reads a whole partition: the plans of its queries, on filled ones."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import asyncpg
import pytest

from liveops.postgres.migrate import migrate
from liveops.postgres.partitions import make_month
from liveops.postgres.queries import load
from tests.stack import TestServers

pytestmark = pytest.mark.integration
Connection: TypeAlias = "asyncpg.Connection[Any]"
#: Yesterday: its partitions are there.
TO = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
FROM = TO - timedelta(days=1)
HOUR = timedelta(hours=1)
ONE, SEVERAL = ["svc-003"], ["svc-003", "svc-007"]
METRIC, ANY_METRIC = ["metric_1_ms"], None
EMPTY = "{}"
RAW = """
INSERT INTO metrics (id, service_name, metric_type, value, tags, "timestamp", kind)
SELECT gen_random_uuid(), service_name, metric_type, 1, tags, at, 'counter'
FROM bench_series CROSS JOIN generate_series($1::timestamptz, $2, interval '1 minute') at
"""
SPAN = (SEVERAL, [FROM, FROM + HOUR], [FROM + HOUR, FROM + 2 * HOUR])
BEFORE = (FROM + 5 * HOUR, "00000000-0000-0000-0000-000000000000")
NEWEST = 1000
QUESTIONS: dict[str, tuple[Any, ...]] = {
    "history.windows": (ONE, "1m", FROM, FROM + HOUR, METRIC, False, NEWEST),
    "history.windows of all metrics": (SEVERAL, "15m", FROM, TO, ANY_METRIC, True, NEWEST),
    "history.windows of long": (ONE, "1m", FROM - 90 * 24 * HOUR, TO, ANY_METRIC, False, NEWEST),
    "history.windows_of_metric": (
        ONE, "1m", FROM, FROM + HOUR, METRIC, False, NEWEST, "metric_1_ms", "metric_1_ms|",
    ),
    "history.raw": ("svc-003", FROM, TO, None, None, 50, "metric_1_ms"),
    "history.raw of the next page": ("svc-003", FROM, TO, *BEFORE, 50, "metric_1_ms"),
    "history.raw_of_service": ("svc-003", FROM, TO, None, None, 50),
    "history.raw_of_service of the next page": ("svc-003", FROM, TO, *BEFORE, 50),
    "history.judged": (SEVERAL, "15m", FROM, TO, NEWEST),
    "services.newest": (SEVERAL, FROM, TO + HOUR),
    "rollups.rollups": (ONE, "1h", FROM, TO, METRIC, False, NEWEST, ONE, [FROM]),
    "rollups.rollups of all metrics": (SEVERAL, "1h", FROM, TO, ANY_METRIC, True, NEWEST, [], []),
    "rollups.hours": (*SPAN, FROM, TO, METRIC, NEWEST, ONE, [FROM]),
    "rollups.quarters": (*SPAN, FROM, TO, ANY_METRIC, NEWEST),
    "rollups.next_service": ("svc-003", FROM, TO),
    "backfill.raw_of_span": ("svc-003", FROM, FROM + HOUR / 4),
    "backfill.stored_of_span": ("svc-003", FROM, FROM + HOUR / 4),
}  # fmt: skip


@pytest.fixture
async def con(servers: TestServers) -> AsyncIterator[Connection]:
    await migrate(servers.database_url)
    con = await asyncpg.connect(servers.database_url)
    bench = load("bench")
    await con.execute(bench["make_series"])
    await con.execute(bench["fill_series"], 40, 3, 1)
    await make_month(con, FROM.date())
    for window, size in (("1m", timedelta(minutes=1)), ("15m", timedelta(minutes=15))):
        fill = bench["fill_windows"].replace("%TABLE%", "metric_windows")
        await con.execute(fill, window, size, 6, FROM, TO, [EMPTY] * 8)
    await con.execute(bench["fill_rollups"], "1h", HOUR, 360, FROM, TO, [b""] * 8)
    await con.execute(RAW, FROM, TO - timedelta(minutes=1))
    for table in ("metric_windows", "metric_rollups", "metrics"):
        await con.execute(f"VACUUM ANALYZE {table}")
    yield con
    for table in ("metric_windows", "metric_rollups", "metrics"):
        await con.execute(f"DELETE FROM {table} WHERE service_name LIKE 'svc-0__'")
    await con.close()


def scanned(plan: dict[str, Any]) -> Iterator[str]:
    """Relations that a plan reads from end to end."""
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for part in plan.get("Plans", []):
        yield from scanned(part)


async def plan_of(con: Connection, query: str, parameters: tuple[Any, ...]) -> dict[str, Any]:
    text = await con.fetchval(f"EXPLAIN (FORMAT JSON) {query}", *parameters)
    plan: dict[str, Any] = json.loads(text)[0]["Plan"]
    return plan


async def test_no_filled_partition_is_read_from_end_to_end(con: Connection) -> None:
    day, month = f"{FROM:%Y%m%d}", f"{FROM:%Y%m}"
    full = {f"metric_windows_{day}", f"metric_rollups_{month}", f"metrics_{day}"}
    found: dict[str, set[str]] = {}
    for name, parameters in QUESTIONS.items():
        file, query = name.partition(" ")[0].split(".")
        found[name] = full & set(scanned(await plan_of(con, load(file)[query], parameters)))
    assert {name: tables for name, tables in found.items() if tables} == {}
    # And one that does is recognised.
    plan = await plan_of(con, "SELECT sum(value) FROM metrics WHERE value > $1", (0.0,))
    assert f"metrics_{day}" in set(scanned(plan))
