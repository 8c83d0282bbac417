"""A receiver of notifications that really answers HTTP: as scripted, and it remembers all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Received:
    """One request; `at_s` by the loop's clock."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    body: Any
    at_s: float


@dataclass(slots=True)
class ReceiverServer:
    """`answers` are given first, one a request; then 200 with what `reply` makes."""

    answers: list[web.Response | float] = field(default_factory=list)
    reply: Callable[[Received], Any] = lambda _: {"ok": True}
    received: list[Received] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    url: str = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Remember the request and answer it; a number hangs for so many seconds."""
        raw = await request.read()
        body = await request.json() if raw else None
        now_s = asyncio.get_running_loop().time()
        got = Received(request.method, request.path, dict(request.headers), raw, body, now_s)
        async with self.changed:
            self.received.append(got)
            self.changed.notify_all()
        answer = self.answers.pop(0) if self.answers else web.json_response(self.reply(got))
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return web.json_response({"ok": True})
        return answer

    async def until(self, count: int, within_s: float = 20.0) -> list[Received]:
        """Wait for so many requests."""
        async with asyncio.timeout(within_s), self.changed:
            await self.changed.wait_for(lambda: len(self.received) >= count)
        return list(self.received)

    def events(self) -> list[tuple[str, str]]:
        """Incident and event of every webhook."""
        return [(one.body["incident"]["id"], one.body["event"]) for one in self.received]


@asynccontextmanager
async def receiver_server() -> AsyncIterator[ReceiverServer]:
    """Started on a free port of loopback, and stopped at the end."""
    server = ReceiverServer()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"http://127.0.0.1:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
