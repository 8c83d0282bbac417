"""Live streams that follow one Redis channel: incidents and analyses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from liveops.metrics.http import WEBSOCKETS
from liveops.redis.fanout import Fanout
from web.routing import Access, Route
from web.websocket import Channel, serve

Snapshot = Callable[[], Awaitable[dict[str, Any]]]


def route(path: str, stream: str, fanout: Fanout, snapshot: Snapshot) -> Route:
    """A WebSocket at `path`: first a snapshot, then each message of the channel."""

    WEBSOCKETS.labels(stream)

    async def get(request: web.Request) -> web.StreamResponse:
        async def run(channel: Channel) -> None:
            fanout.add(channel.offer)
            try:
                await channel.send(await snapshot())
                await channel.run()
            finally:
                fanout.remove(channel.offer)

        return await serve(request, stream, run)

    return Route("GET", path, get, Access.READ, f"WebSocket of {stream}", websocket=True)
