"""Which windows `GET /api/metrics/aggregated` answers with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from liveops.deps import Deps
from tests.unit.web.doubles import bearer, deps_without_stores, edge
from tests.unit.web.test_aggregated import Postgres, Redis, ask
from web import aggregated


class Rollups(Postgres):
    """Holds nothing but says what it is asked for."""

    def __init__(self) -> None:
        super().__init__([])
        self.asked: list[tuple[Any, ...]] = []

    @asynccontextmanager
    async def transaction(self, **_: Any) -> AsyncIterator[None]:
        yield

    async def fetch(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        self.asked.append(parameters)
        return []


@pytest.mark.parametrize(
    ("which", "days", "window", "truncated"),
    [
        ("window=1h", 40, "1h", None),
        ("window=auto", 2, "15m", None),
        ("window=auto", 40, "1d", None),
        ("max_points=2000", 40, "1h", None),
        ("max_points=2000", 1, "1m", None),
        ("max_points=20", 40, "1d", True),
        ("max_points=20&window=5m", 0.01, "5m", None),
        ("", 40, "1m", None),
    ],
)
async def test_the_window_is_chosen_by_span_and_points(
    which: str, days: float, window: str, truncated: bool | None
) -> None:
    deps = cast(Any, deps_without_stores())
    deps.database, deps.cache = Rollups(), Redis([])
    from_s = deps.clock.now_s() - days * 86_400
    async with edge(*aggregated.routes(cast(Deps, deps)), deps=deps) as client:
        path = f"/api/metrics/aggregated?service=a&from={from_s}&{which}"
        async with client.get(path, headers=bearer()) as response:
            answer = await response.json()
    assert (answer["window"], answer.get("truncated")) == (window, truncated)


@pytest.mark.parametrize(
    "which",
    ["window=2h", "window=", "max_points=0", "max_points=50001", "max_points=x", "max_points=1.5"],
)
async def test_windows_that_there_are_not_are_422(which: str) -> None:
    assert await ask(Postgres([]), Redis([]), which=f"service=a&{which}") == 422
