"""Requests, errors and durations of what is served and called, through each middleware."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import httpx2
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from liveops.client import MetricLike, MetricQueue, Red
from liveops.client import red as red_module
from liveops.client.aiohttp import red_middleware, red_trace
from liveops.client.asgi import RedMiddleware, Scope


class Kept(MetricQueue):
    """Keeps metrics instead of sending them."""

    def __init__(self) -> None:
        self.metrics: list[MetricLike] = []
        self.sources: list[Any] = []

    def add_source(self, source: Any) -> None:
        self.sources.append(source)

    def put(self, metric: MetricLike) -> bool:
        self.metrics.append(metric)
        return True

    def counted(self) -> dict[tuple[str, ...], float]:
        """The counts now, by metric and tags; durations by how many there are."""
        found: dict[tuple[str, ...], float] = {}
        for metric in [item for source in self.sources for item in source(True)]:
            found[metric["metric_type"], *metric["tags"].values()] = metric["value"]
        for metric in self.metrics:
            assert metric["service_name"] == "shop"
            assert metric["value"] >= 0
            name = (metric["metric_type"], *metric["tags"].values())
            found[name] = found.get(name, 0) + 1
        return found


@pytest.fixture
def queue() -> Kept:
    return Kept()


@pytest.fixture
def red(queue: Kept) -> Red:
    return Red("shop", queue)


def of(kind: str, requests: int, errors: int, *tags: str) -> Iterator[tuple[Any, float]]:
    for name, count in (("requests", requests), ("errors", errors), ("duration_ms", requests)):
        yield (f"{kind}_{name}", *tags), count


async def application(scope: Scope, receive: Any, send: Any) -> None:
    """Answers as the path says."""
    if scope["type"] == "lifespan":
        return
    scope["route"] = SimpleNamespace(path="/items/{id}") if "items" in scope["path"] else None
    if scope["path"] == "/items/raise":
        raise RuntimeError
    if scope["path"] == "/items/gone":
        raise asyncio.CancelledError
    status = 503 if scope["path"].endswith("bad") else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_an_asgi_application(queue: Kept, red: Red) -> None:
    app: Any = RedMiddleware(application, red)
    await app({"type": "lifespan"}, None, None)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app, raise_app_exceptions=False), base_url="http://shop"
    ) as client:
        for path in ("/items/1", "/items/2", "/items/bad", "/items/raise", "/else"):
            await client.get(path)
        with pytest.raises(asyncio.CancelledError):
            await client.get("/items/gone")
        await client.post("/items/1")
    assert queue.counted() == {
        **dict(of("http", 5, 2, "GET", "/items/{id}")),
        **dict(of("http", 1, 0, "GET", "other")),
        **dict(of("http", 1, 0, "POST", "/items/{id}")),
    }


async def test_an_aiohttp_application_and_what_it_calls(queue: Kept, red: Red) -> None:
    async def payments(request: web.Request) -> web.Response:
        if request.path == "/broken" and request.transport is not None:
            request.transport.abort()
        return web.Response(status=500 if request.path == "/bad" else 200)

    called = web.Application()
    called.router.add_get("/{what}", payments)

    async def buy(request: web.Request) -> web.Response:
        what = request.match_info["what"]
        if what == "raise":
            raise RuntimeError
        if what == "refused":
            raise web.HTTPConflict
        async with session.get(there.make_url(f"/{what}")) as answer:
            return web.Response(status=answer.status)

    shop = web.Application(middlewares=[red_middleware(red)])
    shop.router.add_get("/buy/{what}", buy)
    async with TestServer(called) as there, TestServer(shop) as here:
        peers = {f"127.0.0.1:{there.port}": "payments"}
        trace = red_trace(red, peers)
        async with aiohttp.ClientSession(trace_configs=[trace]) as session:
            for path in ("buy/good", "buy/bad", "buy/broken", "buy/raise", "buy/refused", "none"):
                async with session.get(here.make_url(f"/{path}")) as answer:
                    await answer.read()
    assert queue.counted() == {
        **dict(of("http", 5, 3, "GET", "/buy/{what}")),
        **dict(of("http", 1, 0, "GET", "other")),
        **dict(of("call", 3, 2, "payments")),
    }


def test_any_call_can_be_measured(queue: Kept, red: Red) -> None:
    with red.calling("db"):
        pass
    with red.calling("db") as outcome:
        outcome.fail()
    with pytest.raises(ValueError, match="no"), red.calling("db"):
        raise ValueError("no")
    assert queue.counted() == dict(of("call", 3, 2, "db"))


def test_counts_begin_anew_and_zeros_tell_that_there_were_none(queue: Kept, red: Red) -> None:
    red.called("db", is_error=True, duration_ms=1.0)
    assert queue.counted() == dict(of("call", 1, 1, "db"))
    queue.metrics.clear()
    assert queue.counted() == {("call_requests", "db"): 0, ("call_errors", "db"): 0}


def test_between_intervals_counts_are_gathered(queue: Kept, red: Red) -> None:
    red.called("db", is_error=False, duration_ms=1.0)
    (source,) = queue.sources
    assert list(source(False)) == []
    assert {item["metric_type"]: item["value"] for item in source(True)} == {
        "call_requests": 1, "call_errors": 0,
    }  # fmt: skip


def test_beyond_the_limit_all_others_are_one(
    queue: Kept, red: Red, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(red_module, "MAX_SERIES", 2)
    for peer in ("a", "b", "c", "d", "a"):
        red.called(peer, is_error=False, duration_ms=1.0)
    assert queue.counted() == {
        **dict(of("call", 2, 0, "a")), **dict(of("call", 1, 0, "b")),
        **dict(of("call", 2, 0, "other")),
    }  # fmt: skip


def test_tags_of_the_service_go_with_every_metric(queue: Kept) -> None:
    red = Red("shop", queue, tags={"region": "eu"})
    red.called("db", is_error=False, duration_ms=1.0)
    assert {tuple(metric["tags"].items()) for metric in [*queue.metrics, *red._metrics(True)]} == {
        (("region", "eu"), ("peer", "db"))
    }
