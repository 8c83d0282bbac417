"""For aiohttp: a middleware of its server, and measuring of its client. Needs aiohttp."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from types import SimpleNamespace

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from liveops.client.red import OTHER, Red


def red_middleware(red: Red) -> Middleware:
    """Measures every request of an application; an answer of 5xx is an error."""

    @web.middleware
    async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
        status, begun_s = 500, time.perf_counter()
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as error:
            status = error.status
            raise
        except asyncio.CancelledError:  # the client has gone
            status = 499
            raise
        finally:
            resource = request.match_info.route.resource
            red.served(
                request.method,
                resource.canonical if resource is not None else OTHER,
                is_error=status >= 500,
                duration_ms=(time.perf_counter() - begun_s) * 1000,
            )

    return measure


def red_trace(red: Red, peers: Mapping[str, str]) -> aiohttp.TraceConfig:
    """Measures the requests of an `aiohttp.ClientSession(trace_configs=[...])`.

    `peers` are services by host, or by `host:port`; other requests are not measured.
    """

    async def begin(
        session: aiohttp.ClientSession, at: SimpleNamespace, params: aiohttp.TraceRequestStartParams
    ) -> None:
        url = params.url
        at.peer = peers.get(f"{url.host}:{url.port}") or peers.get(url.host or "")
        at.begun_s = time.perf_counter()

    def note(at: SimpleNamespace, *, is_error: bool) -> None:
        if at.peer:
            spent_ms = (time.perf_counter() - at.begun_s) * 1000
            red.called(at.peer, is_error=is_error, duration_ms=spent_ms)

    async def end(
        session: aiohttp.ClientSession, at: SimpleNamespace, params: aiohttp.TraceRequestEndParams
    ) -> None:
        note(at, is_error=params.response.status >= 500)

    async def fail(
        session: aiohttp.ClientSession,
        at: SimpleNamespace,
        params: aiohttp.TraceRequestExceptionParams,
    ) -> None:
        note(at, is_error=True)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(begin)
    trace.on_request_end.append(end)
    trace.on_request_exception.append(fail)
    return trace
