"""WebSockets: a bounded queue to each client, closed when its token ends."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from liveops.errors import Unavailable
from liveops.kafka.config_view import ConfigView
from liveops.metrics.http import WEBSOCKETS
from liveops.runtime.ending import end
from liveops.security.principal import Principal
from web.authentication import BEARER_PROTOCOL, is_revoked
from web.problems import Problem

log = structlog.get_logger(__name__)
#: Close code of a socket whose token has expired or was revoked.
EXPIRED = 4401
HEARTBEAT_S = 20.0
#: Messages that wait for one client; the oldest make room for newer ones.
QUEUE = 256
_OPEN = web.AppKey("open_sockets", dict[web.WebSocketResponse, Principal])


class Channel:
    """What one client is to be told."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._queue: deque[tuple[bytes, int]] = deque()
        self._dropped = 0
        self._wake = asyncio.Event()

    @property
    def left_out(self) -> int:
        """Items that the client missed and was not told of yet."""
        return self._dropped

    def offer(self, message: dict[str, Any], count: int = 1) -> None:
        """Queue a message of `count` items; never blocks, a slow client misses the oldest."""
        self.offer_json(orjson.dumps(message), count)

    def offer_json(self, message: bytes, count: int) -> None:
        """Likewise a message that is JSON already."""
        if len(self._queue) >= QUEUE:
            self._dropped += self._queue.popleft()[1]
        self._queue.append((message, count))
        self._wake.set()

    def missed(self, count: int) -> None:
        """Items that were left out before they came here; the client is told how many."""
        if count > 0:
            self._dropped += count
            self._wake.set()

    async def send(self, message: dict[str, Any]) -> None:
        """Send now."""
        await self.send_json(orjson.dumps(message))

    async def send_json(self, message: bytes) -> None:
        """Send a message that is JSON already."""
        await self._socket.send_frame(message, WSMsgType.TEXT)

    async def run(self) -> None:
        """Send what is queued until the client leaves."""
        while not self._socket.closed:
            await self._wake.wait()
            self._wake.clear()
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                await self.send({"type": "dropped", "count": dropped})
            while self._queue:
                await self.send_json(self._queue.popleft()[0])


async def serve(
    request: web.Request, stream: str, run: Callable[[Channel], Awaitable[None]]
) -> web.StreamResponse:
    """Upgrade, run `run` for this client, and close in good order."""
    socket = web.WebSocketResponse(
        heartbeat=HEARTBEAT_S, protocols=(BEARER_PROTOCOL,), max_msg_size=65_536
    )
    if not socket.can_prepare(request).ok:
        raise Problem(426, "this is a WebSocket", headers={"Upgrade": "websocket"})
    await socket.prepare(request)
    open_here = request.app[_OPEN]
    principal: Principal = request["principal"]
    open_here[socket] = principal
    WEBSOCKETS.labels(stream).inc()
    try:
        await _attend(socket, principal, run)
    finally:
        WEBSOCKETS.labels(stream).dec()
        del open_here[socket]
    await socket.close()
    return socket


async def _attend(
    socket: web.WebSocketResponse,
    principal: Principal,
    run: Callable[[Channel], Awaitable[None]],
) -> None:
    """Serve until the client leaves, its token expires or a store fails."""
    tasks = (
        asyncio.create_task(_write(socket, run)),
        asyncio.create_task(_until_closed(socket)),
    )
    try:
        left_s = max(0.0, principal.expires_at_s - time.time())
        done, _ = await asyncio.wait(tasks, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            await socket.close(code=EXPIRED, message=b"the token has expired")
    finally:
        await end(*tasks)
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("websocket failed", exc_info=outcome)


async def _write(socket: web.WebSocketResponse, run: Callable[[Channel], Awaitable[None]]) -> None:
    try:
        await run(Channel(socket))
    except ConnectionError:
        return
    except Unavailable as error:
        await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=str(error).encode())


async def _until_closed(socket: web.WebSocketResponse) -> None:
    """Read and ignore what the client says; ends when it leaves."""
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            return


def close_in_time(server: web.Application, config: ConfigView) -> None:
    """Close sockets whose token is revoked, and all of them when the worker stops.

    Otherwise one would go on telling a user who was shut out, and delay the stop.
    """
    open_here: dict[web.WebSocketResponse, Principal] = {}
    server[_OPEN] = open_here
    closing: set[asyncio.Task[bool]] = set()

    def close_revoked() -> None:
        for socket, principal in open_here.items():
            if is_revoked(principal, config.revoked):
                ending = socket.close(code=EXPIRED, message=b"the token has been revoked")
                task = asyncio.create_task(ending)
                closing.add(task)
                task.add_done_callback(closing.discard)

    async def close_all(_: web.Application) -> None:
        leaving = [
            socket.close(code=WSCloseCode.GOING_AWAY, message=b"the worker stops")
            for socket in open_here
        ]
        await asyncio.gather(*leaving, return_exceptions=True)

    config.subscribe(close_revoked)
    server.on_shutdown.append(close_all)
