"""Errors as RFC 9457 problem documents: the only place where they meet HTTP statuses."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson
import structlog
from aiohttp import web

from liveops.errors import (
    IllegalChange,
    InvalidInput,
    Issue,
    LiveOpsError,
    NotFound,
    Refused,
    StaleVersion,
    Unavailable,
)

log = structlog.get_logger(__name__)
RETRY_AFTER_S = 2
CONTENT_TYPE = "application/problem+json"


class Problem(LiveOpsError):
    """An answer that is an error; raised by the edge itself."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        issues: list[Issue] | None = None,
        retry_after_s: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.issues = issues or []
        self.headers = headers or {}
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(retry_after_s)


#: Status of each domain error, most special first.
_STATUSES: tuple[tuple[type[LiveOpsError], int], ...] = (
    (InvalidInput, 422),
    (NotFound, 404),
    (IllegalChange, 409),
    (StaleVersion, 412),
    (Refused, 413),
)


def problem_of(error: Exception) -> Problem:
    """The problem that stands for an exception; unexpected ones are 500 and logged."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Unavailable):
        return Problem(503, f"{error.part} does not answer now", retry_after_s=RETRY_AFTER_S)
    if isinstance(error, web.HTTPException):
        return _of_http(error)
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            issues = error.issues if isinstance(error, InvalidInput) else None
            return Problem(status, str(error), issues=issues)
    log.exception("request failed", exc_info=error)
    return Problem(500, "an unexpected error; the request id leads to it in the log")


def _of_http(error: web.HTTPException) -> Problem:
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    return Problem(error.status, HTTPStatus(error.status).phrase, headers=headers)


def render(problem: Problem, request_id: str) -> web.Response:
    """The problem document."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "errors": [issue.as_dict() for issue in problem.issues],
        "request_id": request_id,
    }
    return web.Response(
        status=problem.status,
        body=orjson.dumps(document),
        content_type=CONTENT_TYPE,
        headers=problem.headers,
    )
