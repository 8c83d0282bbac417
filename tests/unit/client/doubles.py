"""A LiveOps that answers as it is told, and both clients behind one face."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from liveops.client import AsyncClient, Client

Answer = Callable[[int], web.Response]


@dataclass
class FakeLiveOps:
    """Answers the calls of `POST /api/metrics` in turn, the last one for ever."""

    answers: list[Answer]
    url: str = ""
    #: Key, body and query of each call.
    calls: list[tuple[str, bytes, str]] = field(default_factory=list)
    logins: int = 0
    token: str = "t"

    async def post(self, request: web.Request) -> web.StreamResponse:
        if request.headers["Authorization"] != f"Bearer {self.token}":
            return web.json_response({"detail": "no valid token"}, status=401)
        key = request.headers["Idempotency-Key"]
        self.calls.append((key, await request.read(), request.query_string))
        answer = self.answers[min(len(self.calls), len(self.answers)) - 1]
        if answer is no_connection and request.transport is not None:
            request.transport.abort()
        return answer(orjson.loads(self.calls[-1][1]).__len__())

    async def login(self, request: web.Request) -> web.StreamResponse:
        self.logins += 1
        if (await request.json())["password"] != "right":
            return web.json_response({"detail": "wrong name or password"}, status=401)
        return web.json_response({"access_token": self.token})


@asynccontextmanager
async def fake(*answers: Answer) -> AsyncIterator[FakeLiveOps]:
    """A server on a port of its own."""
    liveops = FakeLiveOps(list(answers))
    application = web.Application()
    application.router.add_post("/api/metrics", liveops.post)
    application.router.add_post("/api/auth/login", liveops.login)
    async with TestServer(application) as server:
        liveops.url = str(server.make_url("")).rstrip("/")
        yield liveops


def accepted(count: int) -> web.Response:
    return web.json_response({"accepted": count}, status=202)


def busy(_: int) -> web.Response:
    return web.json_response({"detail": "kafka does not answer"}, status=503)


def no_connection(_: int) -> web.Response:
    raise ConnectionResetError


class Blocking:
    """The blocking client as the asynchronous one is used."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.client = Client(*args, **options)

    async def __aenter__(self) -> Blocking:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.client.close()

    async def send(self, metrics: list[dict[str, Any]]) -> int:
        return await asyncio.to_thread(self.client.send, metrics)

    async def send_partial(self, body: bytes, key: str) -> list[tuple[int, str]]:
        return await asyncio.to_thread(self.client.send_partial, body, key)


KINDS: list[Any] = [AsyncClient, Blocking]
