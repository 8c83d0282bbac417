"""Versions in headers: `ETag` of an answer, `If-Match` of a change."""

from __future__ import annotations

import re

from aiohttp import web

from web.problems import Problem

_ETAG = re.compile(r'"(\d{1,9})"')


def etag(version: int) -> dict[str, str]:
    """The header that names a version."""
    return {"ETag": f'"{version}"'}


def expected_version(request: web.Request) -> int | None:
    """The version of `If-Match`, None without one; raises Problem(412)."""
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    found = _ETAG.fullmatch(header.strip())
    if not found:
        raise Problem(412, "If-Match is no version")
    return int(found.group(1))
