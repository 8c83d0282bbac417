"""Rollups are what their minutes say: after late corrections, crashes, and while they wait.

On a real PostgreSQL. At every moment an answer must be made of all values that are stored or
in Redis, whatever of them is rolled up; in the end so must be what is stored.
"""

from __future__ import annotations

import asyncio
import math
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from liveops.clock import FakeClock
from liveops.postgres.database import Database
from liveops.postgres.migrate import migrate
from schema.metrics import ROLLUP_S
from schema.times import format_time
from tests.rolled import Crash, CrashingDatabase, Rolled, shown
from tests.stack import TestServers

pytestmark = pytest.mark.integration
#: A day's start in 2025; most happens on this day and the next.
DAY_S = 1_757_376_000
SERIES = st.sampled_from([("gauge", "1"), ("delta", "")])
VALUES = st.lists(
    st.one_of(st.just(0.0), st.floats(-1e6, 1e6, allow_subnormal=False)), min_size=1, max_size=4
)
#: Few hours of two days, so that values meet.
SECONDS = st.builds(
    lambda hour, second: DAY_S + 3600 * hour + second,
    st.sampled_from([0, 23, 24]),
    st.sampled_from([0, 59, 899, 900, 3599]),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("store"), SERIES, SECONDS, VALUES),
        st.tuples(st.just("hold"), SERIES, SECONDS, VALUES),
        st.tuples(st.just("settle")),
        st.tuples(st.just("round"), st.integers(0, 12)),
        st.tuples(st.just("catch up")),
        st.tuples(st.just("pass"), st.sampled_from([900, 7200, 86_400])),
        st.tuples(st.just("look")),
    ),
    min_size=1,
    max_size=14,
)


GAUGE = ("gauge", "1")
#: Rolled up; then a quarter of the same hour is in Redis alone, then a stored one is corrected.
SEAM: list[tuple[Any, ...]] = [
    ("store", GAUGE, DAY_S, [1.0]),
    ("settle",),
    ("hold", GAUGE, DAY_S + 900, [2.0]),
    ("look",),
    ("store", GAUGE, DAY_S + 59, [3.0]),
]


@example(SEAM)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_answers_and_rollups_are_what_the_minutes_say(
    servers: TestServers, steps: list[tuple[Any, ...]]
) -> None:
    asyncio.run(_scenario(servers.database_url, steps))


async def _scenario(url: str, steps: list[tuple[Any, ...]]) -> None:
    await migrate(url)
    database = Database(url, max_connections=2)
    rolled = Rolled(database, FakeClock(DAY_S + 30 * 3600.0))
    try:
        async with database.connection() as con:
            await con.execute("TRUNCATE rollup_changes, rollup_backlog")
        for step in steps:
            await _step(rolled, step)
        await _look(rolled)
        await rolled.store(rolled.redis.windows)
        rolled.redis.windows = []
        rolled.clock.advance(2 * 86_400)
        await rolled.settle()
        await _look(rolled)
        await _compare_stored(rolled)
    finally:
        await database.stop()


async def _step(rolled: Rolled, step: tuple[Any, ...]) -> None:
    match step:
        case ("store", series, second, values):
            await rolled.store(rolled.report(series, second, *values))
        case ("hold", series, second, values):
            rolled.redis.windows += rolled.report(series, second, *values)
        case ("catch up",):
            await rolled.store(rolled.redis.windows)  # Redis still has them, too
        case ("settle",):
            await rolled.settle()
        case ("round", at):
            try:
                await rolled.agent(CrashingDatabase(rolled.database, at)).round()
            except Crash:
                pass
        case ("pass", seconds):
            rolled.clock.advance(seconds)
        case _:
            await _look(rolled)


async def _look(rolled: Rolled) -> None:
    for window, size in ROLLUP_S.items():
        answer = await rolled.ask(window, (DAY_S - 1, DAY_S + 3 * 86_400))
        expected = {
            (series, format_time(start_s)): (start_s, made)
            for (series, start_s), made in rolled.expected(size).items()
        }
        found = shown(answer)
        assert found.keys() == expected.keys()
        for place, (start_s, made) in expected.items():
            over = start_s + size <= rolled.clock.now_s() - rolled.deps.settings.lateness_s
            assert found[place]["final"] is over or not over
            _compare(found[place], made)


async def _compare_stored(rolled: Rolled) -> None:
    async with rolled.database.connection() as con:
        rows = await con.fetch(
            "SELECT * FROM metric_rollups WHERE service_name = $1", rolled.service
        )
        assert await con.fetchval("SELECT count(*) FROM rollup_changes") == 0
    stored = {
        (row["window"], (row["metric_type"], row["tags"].get("pod", "")), row["start"].timestamp()):
        row
        for row in rows
    }  # fmt: skip
    expected = {
        (window, series, float(start_s)): made
        for window, size in ROLLUP_S.items()
        for (series, start_s), made in rolled.expected(size).items()
    }
    assert stored.keys() == expected.keys()
    for place, row in stored.items():
        _compare(dict(row), expected[place])
        size = ROLLUP_S[row["window"]]
        assert row["rate"] == row["count"] / size


def _compare(found: dict[str, Any], made: dict[str, Any]) -> None:
    """Exact but for sums, which round in the order of their parts."""
    for name in ("count", "min", "max", "p50", "p95", "p99"):
        assert found[name] == made[name], name
    sketch = found["sketch"]
    plain = sketch if isinstance(sketch, bytes) else b64decode(sketch)
    assert plain == b64decode(made["sketch"])
    size = max(abs(made["min"]), abs(made["max"]), 1e-300)
    for name in ("sum", "mean", "stddev"):
        assert math.isclose(found[name], made[name], rel_tol=1e-6, abs_tol=1e-6 * size), name
    if made["increase"] is None:
        assert found["increase"] is None
    else:
        assert math.isclose(found["increase"], made["increase"], rel_tol=1e-9, abs_tol=1e-9 * size)
