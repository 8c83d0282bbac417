"""What happens to every request: id, time, CORS, errors as problem documents."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterable
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


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id and turn whatever goes wrong into a problem document."""
    given = request.headers.get(REQUEST_ID, "")
    request_id = given if _GOOD_ID.fullmatch(given) else str(uuid4())
    request["request_id"] = request_id
    began_s = time.perf_counter()
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        try:
            check_expectation(request)
            response = await handler(request)
        except Exception as error:
            response = render(problem_of(error), request_id)
        end_if_unread(request, response)
        _count(request, response, time.perf_counter() - began_s)
    return response


def _count(request: web.Request, response: web.StreamResponse, elapsed_s: float) -> None:
    if isinstance(response, web.WebSocketResponse):
        return
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unknown"
    # A method is the client's text: a label for each would grow without bound.
    method = request.method if request.method in _METHODS else "OTHER"
    REQUEST_SECONDS.labels(method, route, response.status).observe(elapsed_s)
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


def cors(settings: Settings) -> Middleware:
    """Middleware that answers preflights of the allowed origins; Faust's own breaks PATCH."""
    origins = allowed_origins(settings)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if (
            origin in origins
            and request.method == "OPTIONS"
            and "Access-Control-Request-Method" in request.headers
        ):
            return web.Response(status=204)
        return await handler(request)

    return middleware


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
