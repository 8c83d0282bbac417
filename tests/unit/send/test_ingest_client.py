"""The client tries again with the same key, and gives up with one line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from liveops.errors import InvalidInput, Unavailable
from liveops.ingest_client import IngestClient

Answer = Callable[[int], web.Response]
BODY = b'[{"service_name":"a","metric_type":"m","value":1}]'


def no_connection(_: int) -> web.Response:
    raise ConnectionResetError


@asynccontextmanager
async def serving(
    answers: list[Answer], patience_s: float = 30.0
) -> AsyncIterator[tuple[IngestClient, list[tuple[str, bytes, str]]]]:
    """A client and what reached its server: key, body, query."""
    calls: list[tuple[str, bytes, str]] = []

    async def post(request: web.Request) -> web.StreamResponse:
        calls.append(
            (request.headers["Idempotency-Key"], await request.read(), request.query_string)
        )
        answer = answers[min(len(calls), len(answers)) - 1]
        if answer is no_connection and request.transport is not None:
            request.transport.abort()
        return answer(len(calls))

    handler: Callable[[web.Request], Awaitable[web.StreamResponse]] = post
    application = web.Application()
    application.router.add_post("/api/metrics", handler)
    async with TestServer(application) as server:
        url = str(server.make_url("")).rstrip("/")
        async with IngestClient(url, url, token="t", patience_s=patience_s) as client:
            yield client, calls


def accepted(_: int) -> web.Response:
    return web.json_response({"accepted": 1}, status=202)


def busy(_: int) -> web.Response:
    return web.json_response({"detail": "kafka does not answer"}, status=503)


@pytest.mark.parametrize("trouble", [busy, no_connection])
async def test_the_same_call_is_repeated_until_it_succeeds(trouble: Answer) -> None:
    async with serving([trouble, accepted]) as (client, calls):
        assert await client.send_partial(BODY, "key") == []
    assert calls == [("key", BODY, "partial=true")] * 2


async def test_patience_has_an_end() -> None:
    async with serving([busy], patience_s=0) as (client, calls):
        with pytest.raises(Unavailable, match="503: kafka does not answer"):
            await client.send_partial(BODY, "key")
    assert len(calls) == 1


async def test_a_refusal_is_not_repeated() -> None:
    def refuse(_: int) -> web.Response:
        return web.json_response({"detail": "no"}, status=403)

    async with serving([refuse]) as (client, calls):
        with pytest.raises(InvalidInput, match="403 no"):
            await client.send_partial(BODY, "key")
    assert len(calls) == 1


async def test_what_was_refused_of_a_batch_is_named() -> None:
    def partly(_: int) -> web.Response:
        fault = {"loc": ["service_name"], "msg": "not yours"}
        return web.json_response(
            {"accepted": 1, "rejected": [{"index": 1, "errors": [fault]}]}, status=202
        )

    async with serving([partly]) as (client, _):
        assert await client.send_partial(BODY, "key") == [(1, "not yours")]
