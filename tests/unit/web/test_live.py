"""`GET /api/metrics/live` without Redis: what is shown, and what is told to be missing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import ClientWebSocketResponse

from liveops.deps import Deps
from liveops.redis.fanout import Fanout
from tests.unit.web.doubles import bearer, deps_without_stores, edge
from tests.unit.web.test_websocket import Listeners, heard
from web import live


class Lists:
    """Redis with two metrics of each service."""

    @asynccontextmanager
    async def guard(self) -> AsyncIterator[Lists]:
        yield self

    async def zrevrange(self, *_: Any) -> list[str]:
        return ["b", "a"]

    def pipeline(self, *, transaction: bool) -> Any:
        asked: list[str] = []

        async def execute() -> list[list[str]]:
            return [[json.dumps({"id": f"{key} {n}"}) for n in range(2)] for key in asked]

        return SimpleNamespace(lrange=lambda key, *_: asked.append(key), execute=execute)


@asynccontextmanager
async def listening(
    query: str = "", cache: Any = None
) -> AsyncIterator[tuple[ClientWebSocketResponse, Listeners]]:
    """A client of the live route, and the channel it follows."""
    deps, fanout = cast(Any, deps_without_stores()), Listeners()
    deps.cache = cache or deps.cache
    routes = live.routes(cast(Deps, deps), cast(Fanout, fanout))
    async with edge(*routes, deps=deps) as client:
        async with client.ws_connect("/api/metrics/live" + query, headers=bearer()) as socket:
            yield socket, fanout


async def test_the_snapshot_holds_the_last_metrics_as_they_lie_in_redis() -> None:
    async with listening(cache=Lists()) as (socket, _):
        ids = [f"metrics:live:{name} {n}" for name in "ab" for n in range(2)]
        metrics = [{"id": text} for text in ids]
        assert await heard(socket) == {"type": "snapshot", "metrics": metrics}


async def test_without_redis_the_snapshot_says_so() -> None:
    async with listening() as (socket, _):
        assert await heard(socket) == {"type": "snapshot", "metrics": [], "degraded": ["redis"]}


async def test_what_the_feed_left_out_is_told() -> None:
    async with listening("?service=a") as (socket, fanout):
        await heard(socket)
        (tell,) = fanout.listeners
        tell({"service_name": "a", "metrics": [1]})
        assert await heard(socket) == {"type": "metrics", "metrics": [1]}
        tell({"service_name": "a", "metrics": [2, 3], "dropped": 5})
        tell({"service_name": "b", "metrics": [9], "dropped": 100})
        tell({"service_name": "a", "metrics": [], "dropped": 2})
        assert await heard(socket) == {"type": "dropped", "count": 7}
        assert await heard(socket) == {"type": "metrics", "metrics": [2, 3]}


async def test_a_slow_clients_misses_and_the_feeds_are_one_count() -> None:
    async with listening() as (socket, fanout):
        await heard(socket)
        (tell,) = fanout.listeners
        for number in range(258):
            tell({"service_name": "a", "metrics": [number, number], "dropped": 1})
        assert await heard(socket) == {"type": "dropped", "count": 258 + 2 * 2}
        assert (await heard(socket))["metrics"] == [2, 2]
