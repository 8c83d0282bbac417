"""ASGI middleware: Starlette, FastAPI, Quart, Django and whatever else speaks ASGI."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from liveops.client.red import OTHER, Red

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def route_of(scope: Scope) -> str:
    """The template of the route that was chosen, where the framework tells it; else `other`."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) and path else OTHER


class RedMiddleware:
    """Measures every HTTP request of an application; an answer of 5xx is an error.

    `route_of` names the route of a request that was handled: never its path, which has no bound.
    """

    def __init__(self, app: App, red: Red, route_of: Callable[[Scope], str] = route_of) -> None:
        self._app = app
        self._red = red
        self._route_of = route_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begun_s = 500, time.perf_counter()

        async def watch(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except asyncio.CancelledError:  # the client has gone
            status = 499
            raise
        except Exception:
            status = 500
            raise
        finally:
            spent_ms = (time.perf_counter() - begun_s) * 1000
            self._red.served(
                scope["method"],
                self._route_of(scope),
                is_error=status >= 500,
                duration_ms=spent_ms,
            )
