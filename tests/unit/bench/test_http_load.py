"""The clients of `liveops bench ingest` against the bare handler and one that refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from liveops.bench.bare import application
from liveops.bench.http_load import HttpLoad, perform, quantile

BODY = b'{"service_name":"a","metric_type":"m","value":1}'


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[int]:
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def counting(
    status: int, stall: Callable[[int], Awaitable[None]]
) -> tuple[web.Application, list[str]]:
    asked: list[str] = []

    async def accept(request: web.Request) -> web.Response:
        asked.append(request.headers["Authorization"] + (await request.text()))
        await stall(len(asked))
        return web.Response(status=status, body=b"{}")

    app = web.Application()
    app.router.add_post("/api/metrics", accept)
    return app, asked


async def at_once(_: int) -> None: ...


def load(port: int, **more: object) -> HttpLoad:
    values: dict[str, object] = {"connections": 4, "seconds": 0.3} | more
    return HttpLoad(port, "/api/metrics", "token", [BODY, BODY + b" "], **values)  # type: ignore[arg-type] # by name


async def test_the_bare_handler_answers_as_the_product_does() -> None:
    async with served(application()) as port:
        outcome = await perform(load(port))
    assert outcome.refused == 0
    assert outcome.per_s > 0
    assert 0 < outcome.p50_ms <= outcome.p99_ms


async def test_bodies_go_in_turn_with_the_token() -> None:
    app, asked = counting(202, at_once)
    async with served(app) as port:
        await perform(load(port))
    assert set(asked) == {f"Bearer token{BODY.decode()}", f"Bearer token{BODY.decode()} "}


async def test_what_is_not_202_is_counted() -> None:
    app, asked = counting(429, at_once)
    async with served(app) as port:
        outcome = await perform(load(port, connections=1))
    assert 0 < outcome.refused <= len(asked)


async def test_a_rate_is_kept_and_a_stall_counts_for_all_who_waited() -> None:
    go_on = asyncio.Event()

    async def stall(number: int) -> None:
        if number == 1:
            asyncio.get_running_loop().call_later(0.2, go_on.set)
        await go_on.wait()

    app, asked = counting(202, stall)
    async with served(app) as port:
        outcome = await perform(load(port, rate=100, connections=1))
    assert len(asked) == 30
    # Two thirds of the requests had their time while the server stalled: their wait counts.
    assert outcome.p50_ms > 20


@pytest.mark.parametrize(("share", "value"), [(0.5, 51), (0.99, 100), (1.0, 100)])
def test_quantiles(share: float, value: float) -> None:
    assert quantile([float(n) for n in range(1, 101)], share) == value


def test_no_answers_have_no_quantile() -> None:
    assert quantile([], 0.5) == float("inf")
