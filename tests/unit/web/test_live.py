"""`GET /api/metrics/live` without Redis: what is shown, and what is told to be missing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import ClientWebSocketResponse, WSServerHandshakeError

from liveops.deps import Deps
from liveops.redis.fanout import Fanout
from schema.times import format_time
from tests.unit.web.doubles import bearer, deps_without_stores, edge
from tests.unit.web.test_websocket import Listeners, heard
from web import live
from web.live_hub import GATHER_S, LiveHub
from web.websocket import QUEUE, Channel


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


def told(service: str, *values: int, **more: Any) -> dict[str, Any]:
    """A message of the feed."""
    metrics = [{"id": f"{service}-{value}", "value": value} for value in values]
    return {"service_name": service, "metrics": metrics, **more}


def values(message: Any) -> list[int]:
    assert message["type"] == "metrics"
    return [item["value"] for item in message["metrics"]]


async def test_what_the_feed_left_out_is_told() -> None:
    async with listening("?service=a") as (socket, fanout):
        await heard(socket)
        (tell,) = fanout.listeners
        tell(told("a", 1))
        assert values(await heard(socket)) == [1]
        tell(told("a", 2, 3, dropped=5))
        tell(told("b", 9, dropped=100))
        tell(told("a", dropped=2))
        assert await heard(socket) == {"type": "dropped", "count": 7}
        assert values(await heard(socket)) == [2, 3]


async def test_what_comes_together_is_one_message_of_all_wanted_services() -> None:
    async with listening("?service=a&service=c") as (socket, fanout):
        await heard(socket)
        (tell,) = fanout.listeners
        for message in (told("a", 1), told("b", 2), told("c", 3), told("a", 4)):
            tell(message)
        assert sorted(values(await heard(socket))) == [1, 3, 4]


class Gate(Lists):
    """Redis that answers when it is let."""

    def __init__(self) -> None:
        self.asked, self.open = asyncio.Event(), asyncio.Event()

    def pipeline(self, *, transaction: bool) -> Any:
        async def execute() -> list[list[str]]:
            self.asked.set()
            await self.open.wait()
            return [[json.dumps({"id": "a-1", "value": 1})]]

        return SimpleNamespace(lrange=lambda *_: None, execute=execute)


async def test_between_snapshot_and_stream_nothing_is_missing_or_there_twice() -> None:
    gate = Gate()
    async with listening("?service=a", cache=gate) as (socket, fanout):
        async with asyncio.timeout(5):
            await gate.asked.wait()
        (tell,) = fanout.listeners
        tell(told("a", 1, 2))  # 1 is in the list already, 2 came after it was read
        await asyncio.sleep(2 * GATHER_S)
        gate.open.set()
        assert [item["value"] for item in (await heard(socket))["metrics"]] == [1]
        assert values(await heard(socket)) == [2]
        tell(told("a", 1))  # published late
        tell(told("a", 3))
        assert values(await heard(socket)) == [3]


class Dated(Lists):
    """Redis with so many metrics of a service, one a second up to second 1,000."""

    def __init__(self, count: int) -> None:
        self.count = count

    def pipeline(self, *, transaction: bool) -> Any:
        async def execute() -> list[list[str]]:
            times = [format_time(1000.0 - n) for n in range(self.count)]
            return [[json.dumps({"id": text, "timestamp": text}) for text in times]]

        return SimpleNamespace(lrange=lambda *_: None, execute=execute)


@pytest.mark.parametrize(
    ("count", "since", "expected", "complete"),
    [(100, "995", 6, True), (100, "1970-01-01T00:00:10Z", 100, False), (40, "10", 40, True)],
)
async def test_a_client_that_comes_back_gets_what_it_missed(
    count: int, since: str, expected: int, complete: bool
) -> None:
    async with listening(f"?service=a&since={since}", cache=Dated(count)) as (socket, _):
        snapshot = await heard(socket)
        assert (len(snapshot["metrics"]), snapshot["complete"]) == (expected, complete)


async def test_a_time_that_is_none_is_refused_before_the_upgrade() -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        async with listening("?since=yesterday"):
            pass
    assert refused.value.status == 422


class Slow:
    """A client's queue that remembers."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def offer_json(self, message: bytes, count: int) -> None:
        self.messages.append(message)

    def missed(self, count: int) -> None:
        pass


async def test_clients_that_want_the_same_get_the_same_bytes() -> None:
    hub, clients = LiveHub(), [Slow() for _ in range(3)]
    for client, wanted in zip(clients, ("a", "a", "b"), strict=True):
        follower = hub.follow(client, [wanted])
        hub.begin(follower, set())
        hub._forget_seam(follower)  # two seconds later
    hub.take(told("a", 1))
    await asyncio.sleep(2 * GATHER_S)
    first, second, other = clients
    assert first.messages[0] is second.messages[0]
    assert other.messages == []


async def test_a_slow_clients_misses_and_the_feeds_are_one_count() -> None:
    slow = Channel(cast(Any, None))
    slow.missed(258)
    for number in range(QUEUE + 2):
        slow.offer({"number": number}, count=2)
    assert slow.left_out == 258 + 2 * 2
