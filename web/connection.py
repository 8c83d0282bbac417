"""What happens before a request reaches its handler: broken HTTP, deadlines, `Expect`.

aiohttp answers what it cannot parse with plain text and waits for ever for the rest of a
request line; here such answers are problem documents too, and half a request head is
answered with 408.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Protocol
from uuid import uuid4

import structlog
from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.streams import StreamReader

from liveops.metrics.http import REQUEST_SECONDS
from web.problems import Problem, render

log = structlog.get_logger(__name__)
#: A request head (request line and headers) has to arrive within this time.
HEAD_DEADLINE_S = 10.0
#: An idle connection is closed after this time; longer than what ingresses keep theirs.
IDLE_S = 75.0
#: Key of a request: the text of its `Expect` header.
EXPECT = "expect"
#: Key of a request whose body broke off.
BROKEN = "broken"
#: aiohttp would take a truncated gzip body for a whole one; `web.bodies` does not.
HANDLER_ARGS: dict[str, Any] = {"auto_decompress": False, "keepalive_timeout": IDLE_S}


class HasRunner(Protocol):
    """Faust's aiohttp driver, as far as we touch it."""

    web_app: web.Application
    _runner: web.AppRunner


class EdgeConnection(web.RequestHandler):
    """One connection: aiohttp's, with problem documents and a deadline for heads."""

    __slots__ = ("_body", "_head_timer")

    def __init__(self, manager: web.Server, **options: Any) -> None:
        super().__init__(manager, **options)
        self._body: StreamReader | None = None
        self._head_timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Feed the parser; the first bytes of a head start its deadline."""
        seen = self._request_count
        in_body = self._upgraded or (self._body is not None and not self._body.is_eof())
        super().data_received(data)
        if self._request_count > seen:
            self._stop_timer()
            self._body = self._messages[-1][1] if self._messages else None
        elif not in_body and self._head_timer is None and data.strip(b"\r\n"):
            self._head_timer = self._loop.call_later(HEAD_DEADLINE_S, self._head_is_late)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the deadline."""
        self._stop_timer()
        self._body = None
        super().connection_lost(exc)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.transport is None:
            return
        if self._messages or self._request_in_progress:
            # The half head stands behind a request that is still being answered.
            self._head_timer = self._loop.call_later(HEAD_DEADLINE_S, self._head_is_late)
            return
        problem = Problem(408, f"the request head did not arrive within {HEAD_DEADLINE_S:g} s")
        self.transport.write(_on_the_wire(_answer(problem)))
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what could not be parsed or handled; the connection then ends."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        if isinstance(exc, HttpProcessingError):
            return _answer(_problem_of_parser(exc, status))
        log.error("request failed outside its handler", exc_info=exc, status=status)
        return _answer(Problem(status, HTTPStatus(status).phrase))


class EdgeServer(web.Server):
    """Makes our connections; takes `Expect` away from aiohttp, which answers it too early."""

    @classmethod
    def of(cls, server: web.Server) -> EdgeServer:
        """The same server with our connections."""
        edge = cls(
            server.request_handler,
            request_factory=server.request_factory,
            handler_cancellation=server.handler_cancellation,
            **server._kwargs,  # noqa: SLF001 - it offers no other way to its options
        )
        make_request = edge.request_factory

        def make_without_expect(message: Any, *rest: Any) -> web.BaseRequest:
            expected = message.headers.get(hdrs.EXPECT)
            if expected is not None:
                headers = message.headers.copy()
                headers.popall(hdrs.EXPECT)
                message = message._replace(headers=headers)
            request = make_request(message, *rest)
            if expected is not None:
                request[EXPECT] = expected
            return request

        edge.request_factory = make_without_expect
        return edge

    def __call__(self) -> EdgeConnection:
        """A new connection's protocol."""
        return EdgeConnection(self, loop=self._loop, **self._kwargs)


class EdgeRunner(web.AppRunner):
    """Serves an application over our connections."""

    async def _make_server(self) -> web.Server:
        return EdgeServer.of(await super()._make_server())


def serve_on(faust_web: HasRunner) -> None:
    """Let Faust's web server use our connections."""
    faust_web._runner = EdgeRunner(faust_web.web_app, access_log=None)  # noqa: SLF001 - its only one


async def go_on(request: web.Request) -> None:
    """Ask a client that waits for `100 Continue` for its body; call before reading it.

    Whatever is refused before this call is refused before the body was sent.
    """
    if request.pop(EXPECT, None) is not None and request.version >= (1, 1):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The answer proper has not begun.
        request.writer.output_size = 0


def check_expectation(request: web.Request) -> None:
    """Raises Problem(417) for anything but `100-continue`, which is all there is."""
    if request.get(EXPECT, "100-continue").strip().lower() != "100-continue":
        raise Problem(417, "only 100-continue can be expected")


def end_if_unread(request: web.Request, response: web.StreamResponse) -> None:
    """Close after an answer that came before `100 Continue`, or whose body was broken.

    Nobody can tell then where the next request would begin.
    """
    if (EXPECT in request or BROKEN in request) and not response.prepared:
        response.force_close()


def _problem_of_parser(error: HttpProcessingError, status: int) -> Problem:
    if isinstance(error, LineTooLong) or "Too many headers" in error.message:
        return Problem(431, "the request line or a header is too long, or there are too many")
    # From the second line on the parser repeats the client's bytes.
    first = (error.message.splitlines() or [""])[0].rstrip(":")[:120]
    return Problem(status, f"not HTTP: {first.encode('ascii', 'replace').decode()}")


def _answer(problem: Problem) -> web.Response:
    request_id = str(uuid4())
    REQUEST_SECONDS.labels("OTHER", "unknown", problem.status).observe(0)
    log.debug("broken request", status=problem.status, detail=str(problem), request_id=request_id)
    response = render(problem, request_id)
    response.headers["X-Request-ID"] = request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    response.force_close()
    return response


def _on_the_wire(response: web.Response) -> bytes:
    """An answer as bytes, for a connection that has no request to answer."""
    body = response.body
    assert isinstance(body, bytes)  # noqa: S101 - as render makes it
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
