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
from web import aggregated, history_answer

START_S = 1_800_000_000
PATH = f"/api/metrics/aggregated?from={START_S}"
END = format_time(START_S + 86_400)
#: One value, 1.0, as a closed window holds it.
HISTOGRAM: dict[str, Any] = {"p": [0, 1], "n": [], "z": 0}


def window(
    minute: int,
    pod: int,
    *,
    count: int = 1,
    final: bool = True,
    service: str = "a",
    metric: str = "m",
) -> dict[str, Any]:
    """A window as it lies in Redis."""
    point: dict[str, Any] = dict.fromkeys(POINT_FIELDS, 1.0)
    start_s = START_S + 60 * minute
    return point | {
        "service_name": service, "metric_type": metric, "tags": {"pod": str(pod)}, "window": "1m",
        "start": format_time(start_s), "end": format_time(start_s + 60),
        "count": count, "final": final, "revision": 0, "histogram": HISTOGRAM,
    }  # fmt: skip


class Postgres:
    """Holds closed windows; None: it is away."""

    compares_bytes = False

    def __init__(self, windows: list[dict[str, Any]] | None) -> None:
        self._windows = windows

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Postgres]:
        if self._windows is None:
            raise Unavailable("postgres")
        yield self

    async def fetch(self, _: str, *parameters: Any) -> list[dict[str, Any]]:
        services, metrics = parameters[0], parameters[4]
        from_s, limit = parameters[2].timestamp(), parameters[-1]
        rows = [
            point
            | {"start": at, "end": at, "histogram": None, "tags": json.dumps(point["tags"])}
            | {"kind": "gauge"}
            for point in self._windows or []
            if (at := to_datetime(_seconds(point))).timestamp() >= from_s
            and point["service_name"] in services
            and (metrics is None or point["metric_type"] in metrics)
        ]
        return sorted(rows, key=lambda row: row["start"], reverse=True)[:limit]


def _seconds(point: dict[str, Any]) -> float:
    return parse_edge(point["start"])


class Redis:
    """Holds the newest windows and packs of closed ones; None: it is away."""

    def __init__(self, newest: list[dict[str, Any]] | None, *packs: list[dict[str, Any]]) -> None:
        self._newest, self._packs = newest, packs

    @asynccontextmanager
    async def guard(self) -> AsyncIterator[Redis]:
        if self._newest is None:
            raise Unavailable("redis")
        yield self

    def _of(self, key: str) -> list[str]:
        _, kind, service, _ = key.split(":")
        windows = [self._newest or []] if kind == "agg" else self._packs
        mine = [[point for point in pack if point["service_name"] == service] for pack in windows]
        return [orjson.dumps(part).decode() for part in (mine[0] if kind == "agg" else mine)]

    def pipeline(self, *, transaction: bool) -> Any:
        asked: list[str] = []

        async def execute() -> list[Any]:
            return [self._of(key) for key in asked]

        return SimpleNamespace(
            hvals=asked.append, zrange=lambda key, *_: asked.append(key), execute=execute
        )


async def ask(postgres: Postgres, redis: Redis, to: str = END, which: str = "service=a") -> Any:
    """The answer, or the status of a refusal."""
    deps = cast(Any, deps_without_stores())
    deps.database, deps.cache = postgres, redis
    async with edge(*aggregated.routes(cast(Deps, deps)), deps=deps) as client:
        async with client.get(f"{PATH}&to={to}&{which}", headers=bearer()) as response:
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
    monkeypatch.setattr(history_answer, "MAX_POINTS", most)
    stored = [window(minute, pod) for minute in range(5) for pod in range(3)]
    answer = await ask(Postgres(stored), Redis([]))
    assert answer["truncated"] is True
    assert starts(answer) == [(str(pod), minute) for pod in range(3) for minute in (3, 4)]


async def test_going_on_at_the_earliest_start_gives_everything_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history_answer, "MAX_POINTS", 7)
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
    monkeypatch.setattr(history_answer, "MAX_POINTS", 6)
    stored = [window(minute, pod) for minute in range(2) for pod in range(3)]
    assert "truncated" not in await ask(Postgres(stored), Redis(stored))


async def test_a_start_that_does_not_fit_alone_is_shown_in_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history_answer, "MAX_POINTS", 2)
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
            async with client.request(
                method, f"{PATH}&to={END}&service=a", headers=bearer()
            ) as response:
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


SEVERAL = [
    window(minute, 0, service=service, metric=metric)
    for minute in range(2)
    for service in "ab"
    for metric in "mn"
]


async def test_several_services_and_metrics_in_one_answer() -> None:
    which = "service=a&service=b&service=a&metric=n"
    newest = [window(2, 0, final=False, service=name, metric="n") for name in "ab"]
    answer = await ask(Postgres(SEVERAL), Redis(newest, [SEVERAL[0]]), which=which)
    found = [(one["service_name"], one["metric_type"]) for one in answer["series"]]
    assert found == [("a", "n"), ("b", "n")]
    assert starts(answer) == [("0", 0), ("0", 1), ("0", 2)] * 2


@pytest.mark.parametrize("fields", ["fields=p95,mean", "fields=mean&fields=p95&fields=final"])
async def test_only_the_figures_asked_for(fields: str) -> None:
    answer = await ask(Postgres(SEVERAL), Redis([]), which=f"service=a&{fields}")
    points = [point for series in answer["series"] for point in series["points"]]
    assert {tuple(point) for point in points} == {("start", "end", "mean", "p95", "final")}


async def test_services_are_not_merged_with_each_other() -> None:
    stored = Redis(SEVERAL)
    answer = await ask(
        Postgres([]), stored, which="service=a&service=b&metric=m&group_by=zone&fields=count"
    )
    found = [(one["service_name"], one["tags"], len(one["points"])) for one in answer["series"]]
    assert found == [("a", {}, 2), ("b", {}, 2)]
    assert [list(point) for point in answer["series"][0]["points"]] == [
        ["start", "end", "count", "final"]
    ] * 2


@pytest.mark.parametrize(
    "which",
    [
        "metric=m", "service=a&fields=nonsense", "service=a&metric=a%20b", "service=",
        "service=a&service=%C3%A4", "&".join(f"service=s{number}" for number in range(101)),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_is_422(which: str) -> None:
    assert await ask(Postgres([]), Redis([]), which=which) == 422
