"""Rollups on a real PostgreSQL: notes that come late, old data directories, the seam."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from liveops.clock import FakeClock
from liveops.errors import InvalidInput, Unavailable
from liveops.postgres import rollups
from liveops.postgres.archive import upsert_windows
from liveops.postgres.database import Database
from liveops.postgres.migrate import migrate
from liveops.postgres.services import read_services
from schema.metrics import Aggregate
from tests.rolled import Rolled, shown
from tests.stack import TestServers
from web import history_answer

pytestmark = pytest.mark.integration
#: A day's start in 2025.
DAY_S = 1_757_462_400
GAUGE = ("gauge", "1")
SPAN = (float(DAY_S), DAY_S + 86_400.0)


@pytest.fixture
async def rolled(servers: TestServers) -> AsyncIterator[Rolled]:
    await migrate(servers.database_url)
    database = Database(servers.database_url, max_connections=3)
    async with database.connection() as con:
        await con.execute("TRUNCATE rollup_changes, rollup_backlog")
    yield Rolled(database, FakeClock(DAY_S + 2 * 86_400.0))
    async with database.connection() as con:
        await con.execute("TRUNCATE rollup_changes, rollup_backlog")
    await database.stop()


async def counts(rolled: Rolled, window: str = "1h") -> list[int]:
    found = shown(await rolled.ask(window, SPAN))
    return [found[place]["count"] for place in sorted(found)]


async def notes(rolled: Rolled) -> int:
    query = "SELECT count(*) FROM rollup_changes WHERE service_name = $1"
    async with rolled.database.connection() as con:
        return int(await con.fetchval(query, rolled.service))


async def test_a_window_that_is_committed_while_its_hour_is_made_is_not_forgotten(
    rolled: Rolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rolled.store(rolled.report(GAUGE, DAY_S, 1.0))
    assert await rolled.agent().round()
    late = rolled.report(("delta", ""), DAY_S + 900, 2.0)
    begun, may_commit = asyncio.Event(), asyncio.Event()

    async def store_slowly() -> None:
        async with rolled.database.transaction() as con:
            await upsert_windows(con, late)  # its note has a lower number than the next one
            begun.set()
            await may_commit.wait()

    storing = asyncio.create_task(store_slowly())
    await begun.wait()
    await rolled.store(rolled.report(GAUGE, DAY_S + 1800, 3.0))
    read = rollups.windows_of

    async def read_then_commit(*given: Any, **more: Any) -> Any:
        found = await read(*given, **more)
        may_commit.set()
        await storing
        return found

    monkeypatch.setattr(rollups, "windows_of", read_then_commit)
    assert await rolled.agent().round()
    assert await notes(rolled) == 2  # of the window that came meanwhile, and of the day
    assert await counts(rolled) == [1, 2]
    await rolled.settle()
    assert (await counts(rolled), await notes(rolled)) == ([1, 2], 0)


async def test_only_one_worker_makes_rollups_at_a_time(rolled: Rolled) -> None:
    await rolled.store(rolled.report(GAUGE, DAY_S, 1.0))
    async with rolled.database.transaction() as con:
        assert await rollups.only_one(con)
        assert not await rolled.agent().round()
    assert await rolled.agent().round()


async def test_an_hour_is_rolled_up_once_and_again_when_it_changes(rolled: Rolled) -> None:
    async def revisions() -> list[tuple[str, int, int]]:
        query = 'SELECT "window", count, revision FROM metric_rollups WHERE service_name = $1'
        async with rolled.database.connection() as con:
            return sorted(tuple(row) for row in await con.fetch(query, rolled.service))

    rolled.clock = FakeClock(DAY_S + 3600.0 + 599)
    await rolled.store(rolled.report(GAUGE, DAY_S, 1.0))
    assert not await rolled.agent().round()  # corrections in the stream may come yet
    rolled.clock.advance(1)
    await rolled.settle()
    assert await revisions() == [("1h", 1, 0)]
    rolled.clock.advance(86_400)
    await rolled.settle()
    assert await revisions() == [("1d", 1, 0), ("1h", 1, 0)]
    again = rolled.window(GAUGE, "15m", DAY_S)
    await rolled.store([again])
    await rolled.settle()
    assert await revisions() == [("1d", 1, 0), ("1h", 1, 0)]  # it said the same
    await rolled.store(rolled.report(GAUGE, DAY_S + 60, 2.0))
    await rolled.settle()
    assert await revisions() == [("1d", 2, 1), ("1h", 2, 1)]


async def test_a_rollup_outlives_its_windows(rolled: Rolled) -> None:
    await rolled.store(rolled.report(GAUGE, DAY_S, 1.0))
    await rolled.settle()
    async with rolled.database.connection() as con:
        await con.execute("DELETE FROM metric_windows WHERE service_name = $1", rolled.service)
        await rollups.add_change(con, rolled.service, "1h", DAY_S)
    await rolled.settle()
    assert await counts(rolled) == [1]


async def test_what_an_older_version_stored_is_answered_at_once_and_rolled_up(
    rolled: Rolled,
) -> None:
    """In slices of a service and day; until then its windows are merged for each answer."""
    other = Rolled(rolled.database, rolled.clock, service=f"{rolled.service}-b")
    for one in (rolled, other):
        for hour in (0, 5):
            await one.store(one.report(GAUGE, DAY_S + 3600 * hour, 1.0, 2.0))
    async with rolled.database.connection() as con:
        await con.execute("TRUNCATE rollup_changes, service_metrics")
        assert await counts(rolled) == []  # neither a rollup nor a note
        await con.execute("INSERT INTO rollup_backlog VALUES (to_timestamp($1)::date)", DAY_S)
    assert (await counts(rolled), await counts(other, "1d")) == ([2, 2], [4])
    for _ in range(4):
        await rolled.agent().round()
        assert (await counts(rolled), await counts(other)) == ([2, 2], [2, 2])
        assert (await counts(rolled, "1d"), await counts(other, "1d")) == ([4], [4])
    await rolled.settle()
    async with rolled.database.connection() as con:
        assert await con.fetchval("SELECT count(*) FROM rollup_backlog") == 0
        await con.execute("DELETE FROM metric_windows WHERE service_name = $1", other.service)
    assert (await counts(other), await counts(other, "1d")) == ([2, 2], [4])
    (seen,) = await read_services(rolled.database, DAY_S, [other.service])
    assert seen.kinds == {"gauge": "gauge"}


async def test_an_hour_that_is_not_over_is_rolled_up_later(rolled: Rolled) -> None:
    rolled.clock = FakeClock(DAY_S + 3600.0 + 1800)
    for hour in (0, 1):
        await rolled.store(rolled.report(GAUGE, DAY_S + 3600 * hour, 1.0))
    async with rolled.database.connection() as con:
        await con.execute("TRUNCATE rollup_changes")
        await con.execute("INSERT INTO rollup_backlog VALUES (to_timestamp($1)::date)", DAY_S)
    await rolled.settle()
    assert (await counts(rolled), await notes(rolled)) == ([1, 1], 2)
    await rolled.store(rolled.report(GAUGE, DAY_S + 3600 + 900, 1.0))
    assert await counts(rolled) == [1, 2]


@pytest.mark.parametrize("window", ["1m", "15m", "1h", "1d"])
async def test_no_value_is_lost_or_doubled_while_windows_close_during_a_question(
    rolled: Rolled, window: str
) -> None:
    """Values go from an open window in Redis to a closed one there, to PostgreSQL, and leave."""
    rolled.clock = FakeClock(DAY_S + 7200.0)

    def summed(found: dict[Any, dict[str, Any]]) -> int:
        return sum(point["count"] for point in found.values())

    async def ask() -> int:
        return summed(shown(await rolled.ask(window, SPAN)))

    expected = 0
    for quarter in range(12):
        second = DAY_S + 900 * quarter + 30
        rolled.clock = FakeClock(second + 600.0)
        closed = rolled.report(GAUGE, second, *[float(quarter)] * (quarter + 1))
        expected += quarter + 1
        opened = [rolled.window(GAUGE, one.window, one.start_s, final=False) for one in closed]
        rolled.redis.windows = opened
        assert await ask() == expected
        rolled.redis.windows = closed

        async def closing(closed: list[Aggregate] = closed) -> None:
            await rolled.store(closed)
            rolled.redis.windows = []
            await rolled.settle()

        rolled.redis.after = closing
        assert await ask() == expected  # the first store has answered, then all moved
        assert await ask() == expected
        late = rolled.report(GAUGE, second + 1, 0.5)
        expected += 1
        rolled.redis.windows = late
        assert await ask() == expected
        await rolled.store(late)
        assert await ask() == expected


async def test_what_is_cut_is_told_and_what_cannot_be_merged_is_refused(
    rolled: Rolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in range(6):
        for pod in range(3):
            await rolled.store(rolled.report(("gauge", str(pod)), DAY_S + 3600 * hour, 1.0))
    monkeypatch.setattr(history_answer, "MAX_POINTS", 8)
    for _ in range(2):  # once from windows, once from rollups
        answer = await rolled.ask("1h", SPAN)
        assert answer.truncated
        assert sorted({start[11:13] for _, start in shown(answer)}) == ["04", "05"]
        await rolled.settle()
    monkeypatch.setattr(history_answer, "MAX_POINTS", 2)
    await rolled.store(rolled.report(GAUGE, DAY_S + 3600 * 5, 1.0))
    with pytest.raises(InvalidInput, match="too many series"):
        await rolled.ask("1h", SPAN)


async def test_without_postgresql_nothing_is_final_and_that_is_told(
    rolled: Rolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise Unavailable("postgres")

    rolled.redis.windows = rolled.report(GAUGE, DAY_S, 1.0)
    monkeypatch.setattr("web.rolled_history.read_rolled", away)
    answer = await rolled.ask("1h", SPAN)
    assert answer.degraded == ["postgres"]
    assert [(p["count"], p["final"]) for p in shown(answer).values()] == [(1, False)]
