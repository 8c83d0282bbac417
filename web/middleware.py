"""What happens to every request: id, time, CORS, errors as problem documents."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from liveops.metrics.http import REQUEST_SECONDS
from liveops.settings import Settings
from web.connection import check_expectation, end_if_unread
from web.problems import problem_of, render
from web.routing import Route

log = structlog.get_logger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REQUEST_ID = "X-Request-ID"
_GOOD_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_ALLOWED_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
_METHODS = frozenset(f"{_ALLOWED_METHODS}, HEAD".split(", "))
_ALLOWED_HEADERS = "Authorization, Content-Type, Content-Encoding, If-Match, Idempotency-Key"
_EXPOSED_HEADERS = "ETag, Location, Retry-After, X-Request-ID"


def edge(settings: Settings) -> Middleware:
    """The one middleware: gives the request its id, answers preflights, and turns whatever goes
    wrong into a problem document.
    """
    origins = allowed_origins(settings)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get(REQUEST_ID, "")
        request_id = given if _GOOD_ID.fullmatch(given) else str(uuid4())
        request["request_id"] = request_id
        began_s = time.perf_counter()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            check_expectation(request)
            if _is_preflight(request, origins):
                response: web.StreamResponse = web.Response(status=204)
            else:
                response = await handler(request)
        except Exception as error:
            response = render(problem_of(error), request_id)
        end_if_unread(request, response)
        _count(request, response, time.perf_counter() - began_s)
        structlog.contextvars.unbind_contextvars("request_id")
        return response

    return middleware


def _is_preflight(request: web.Request, origins: frozenset[str]) -> bool:
    """Whether a browser asks what the dashboard may; Faust's own answer breaks PATCH."""
    return (
        request.method == "OPTIONS"
        and request.headers.get("Origin") in origins
        and "Access-Control-Request-Method" in request.headers
    )


#: Where requests of a method, route and status are counted. Routes and methods are few.
_seconds = lru_cache(maxsize=4096)(REQUEST_SECONDS.labels)


def _count(request: web.Request, response: web.StreamResponse, elapsed_s: float) -> None:
    if isinstance(response, web.WebSocketResponse):
        return
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unknown"
    # A method is the client's text: a label for each would grow without bound.
    method = request.method if request.method in _METHODS else "OTHER"
    _seconds(method, route, response.status).observe(elapsed_s)
    log.debug(
        "request", method=method, route=route, status=response.status, took_ms=elapsed_s * 1000
    )


def expect(routes: Iterable[Route]) -> None:
    """Make the series of the routes at 0, as answered well and as failed."""
    for route in routes:
        if not route.websocket:
            REQUEST_SECONDS.labels(route.method, route.path, route.status)
        REQUEST_SECONDS.labels(route.method, route.path, 500)


def allowed_origins(settings: Settings) -> frozenset[str]:
    """Origins of the dashboard: as configured, and where this installation serves it."""
    named = {item.strip().rstrip("/") for item in settings.cors_origins.split(",") if item.strip()}
    own = settings.auth_url.rstrip("/")
    parts = urlsplit(own)
    if parts.hostname == "127.0.0.1":
        named.add(f"{parts.scheme}://localhost:{parts.port or 80}")
    return frozenset(named | {own})


def stamp(settings: Settings) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Signal handler that puts our headers on every answer, WebSocket upgrades included."""
    origins = allowed_origins(settings)

    async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.setdefault(REQUEST_ID, request.get("request_id", ""))
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Cache-Control", "no-store")
        origin = request.headers.get("Origin")
        if origin in origins and origin is not None:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers.add("Vary", "Origin")
            response.headers["Access-Control-Allow-Methods"] = _ALLOWED_METHODS
            response.headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
            response.headers["Access-Control-Max-Age"] = "600"

    return on_prepare
