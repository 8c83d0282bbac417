"""`GET /api/metrics/aggregated` without servers: both stores merged, and honest about cuts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from liveops.deps import Deps
from liveops.errors import Unavailable
from schema.metrics import POINT_FIELDS
from schema.times import format_time, parse_edge, to_datetime
from tests.unit.web.doubles import bearer, deps_without_stores, edge
from web import aggregated, window_history

START_S = 1_800_000_000
PATH = f"/api/metrics/aggregated?service=a&from={START_S}&to="
END = format_time(START_S + 86_400)


def window(minute: int, pod: int, *, count: int = 1, final: bool = True) -> dict[str, Any]:
    """A window as it lies in Redis."""
    point: dict[str, Any] = dict.fromkeys(POINT_FIELDS, 1.0)
    start_s = START_S + 60 * minute
    return point | {
        "service_name": "a", "metric_type": "m", "tags": {"pod": str(pod)}, "window": "1m",
        "start": format_time(start_s), "end": format_time(start_s + 60),
        "count": count, "final": final, "revision": 0, "histogram": {"0": 1},
    }  # fmt: skip


class Postgres:
    """Holds closed windows; None: it is away."""

    def __init__(self, windows: list[dict[str, Any]] | None) -> None:
        self._windows = windows

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Postgres]:
        if self._windows is None:
            raise Unavailable("postgres")
        yield self

    async def fetch(self, _: str, *parameters: Any) -> list[dict[str, Any]]:
        from_s, limit = parameters[2].timestamp(), parameters[-1]
        rows = [
            point | {"start": at, "end": at, "histogram": None, "tags": json.dumps(point["tags"])}
            for point in self._windows or []
            if (at := to_datetime(_seconds(point))).timestamp() >= from_s
        ]
        return sorted(rows, key=lambda row: row["start"], reverse=True)[:limit]


def _seconds(point: dict[str, Any]) -> float:
    return parse_edge(point["start"])


class Redis:
    """Holds the newest windows and packs of closed ones; None: it is away."""

    def __init__(self, newest: list[dict[str, Any]] | None, *packs: list[dict[str, Any]]) -> None:
        self._found = None if newest is None else [orjson.dumps(point) for point in newest]
        self._packs = [orjson.dumps(pack).decode() for pack in packs]

    @asynccontextmanager
    async def guard(self) -> AsyncIterator[Redis]:
        if self._found is None:
            raise Unavailable("redis")
        yield self

    def pipeline(self, *, transaction: bool) -> Any:
        async def execute() -> list[Any]:
            return [[text.decode() for text in self._found or []], self._packs]

        return SimpleNamespace(hvals=lambda _: 0, zrange=lambda *_: 0, execute=execute)


async def ask(postgres: Postgres, redis: Redis, to: str = END) -> Any:
    """The answer, or the status of a refusal."""
    deps = cast(Any, deps_without_stores())
    deps.database, deps.cache = postgres, redis
    async with edge(*aggregated.routes(cast(Deps, deps)), deps=deps) as client:
        async with client.get(PATH + to, headers=bearer()) as response:
            return await response.json() if response.status == 200 else response.status


def starts(answer: Any) -> list[tuple[str, int]]:
    """(pod, minute) of all points."""
    return [
        (series["tags"]["pod"], int(_seconds(point) - START_S) // 60)
        for series in answer["series"]
        for point in series["points"]
    ]


async def test_newest_revision_of_both_stores_in_order_of_series_and_time() -> None:
    redis = Redis([window(2, 1, final=False, count=9)], [window(1, 1, count=7), window(1, 0)])
    postgres = Postgres([window(1, 1, count=3), window(0, 1), window(0, 0)])
    answer = await ask(postgres, redis)
    assert answer.keys() == {"window", "series"}
    assert starts(answer) == [("0", 0), ("0", 1), ("1", 0), ("1", 1), ("1", 2)]
    points = answer["series"][1]["points"]
    assert [(point["count"], point["final"]) for point in points] == [
        (1, True), (7, True), (9, False),
    ]  # fmt: skip
    assert points[0].keys() == {"start", "end", *POINT_FIELDS}


@pytest.mark.parametrize("most", [6, 7, 8])
async def test_what_does_not_fit_is_left_out_by_whole_starts_and_told(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window_history, "MAX_POINTS", most)
    stored = [window(minute, pod) for minute in range(5) for pod in range(3)]
    answer = await ask(Postgres(stored), Redis([]))
    assert answer["truncated"] is True
    assert starts(answer) == [(str(pod), minute) for pod in range(3) for minute in (3, 4)]


async def test_going_on_at_the_earliest_start_gives_everything_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(window_history, "MAX_POINTS", 7)
    stored = [window(minute, pod) for minute in range(5) for pod in range(3)]
    redis = Redis([window(5, pod, final=False) for pod in range(3)])
    seen: list[tuple[str, int]] = []
    to = END
    while True:
        answer = await ask(Postgres([p for p in stored if p["start"] < to]), redis, to)
        seen += starts(answer)
        if "truncated" not in answer:
            break
        to = min(point["start"] for series in answer["series"] for point in series["points"])
    assert sorted(seen) == [(str(pod), minute) for pod in range(3) for minute in range(6)]


async def test_what_fits_exactly_is_not_truncated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_history, "MAX_POINTS", 6)
    stored = [window(minute, pod) for minute in range(2) for pod in range(3)]
    assert "truncated" not in await ask(Postgres(stored), Redis(stored))


async def test_a_start_that_does_not_fit_alone_is_shown_in_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(window_history, "MAX_POINTS", 2)
    answer = await ask(Postgres([window(1, pod) for pod in range(5)]), Redis([]))
    assert (answer["truncated"], len(answer["series"])) == (True, 3)


@pytest.mark.parametrize(
    ("postgres", "redis", "expected"),
    [
        (Postgres(None), Redis([window(0, 0)]), ["postgres"]),
        (Postgres([window(0, 0)]), Redis(None), ["redis"]),
    ],
)
async def test_one_store_is_enough(postgres: Postgres, redis: Redis, expected: list[str]) -> None:
    answer = await ask(postgres, redis)
    assert (answer["degraded"], starts(answer)) == (expected, [("0", 0)])


async def test_a_head_has_no_body_and_the_connection_goes_on() -> None:
    deps = cast(Any, deps_without_stores())
    deps.database, deps.cache = Postgres([window(0, 0)]), Redis([])
    async with edge(*aggregated.routes(cast(Deps, deps)), deps=deps) as client:
        for method in ("HEAD", "GET", "HEAD"):
            async with client.request(method, PATH + END, headers=bearer()) as response:
                assert (response.status, bool(await response.read())) == (200, method == "GET")


async def test_none_is_503() -> None:
    assert await ask(Postgres(None), Redis(None)) == 503


async def test_others_have_their_turn_while_windows_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("liveops.slices.SLICE_S", 0.0)
    stored = [window(minute, pod) for minute in range(10) for pod in range(200)]
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    assert len(starts(await ask(Postgres(stored), Redis(stored)))) == 2_000
    counting.cancel()
    assert turns > 2 * 2_000
