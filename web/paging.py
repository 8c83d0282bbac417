"""Pages of lists: `limit` and an opaque `cursor`."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from typing import TypeVar
from uuid import UUID

import orjson
from aiohttp import web

from liveops.errors import BadCursor, InvalidInput, Issue
from web.query_params import FAR_FUTURE_S
from web.routing import Query

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
#: What every list takes, for the documentation.
PAGE = (
    Query(
        "limit",
        "1 to 500, default 50",
        schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
    Query("cursor", "Where the last page ended"),
)
T = TypeVar("T")


def limit_of(request: web.Request) -> int:
    """Page size, 1 to 500, default 50; raises InvalidInput."""
    text = request.query.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not (re.fullmatch(r"[0-9]{1,4}", text) and 1 <= int(text) <= MAX_LIMIT):
        issue = Issue(["query", "limit"], f"a number from 1 to {MAX_LIMIT}")
        raise InvalidInput("limit is out of range", [issue])
    return int(text)


def encode_cursor(parts: list[str]) -> str:
    """An opaque cursor of the sort key where a page ended."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def decode_cursor(request: web.Request) -> list[str] | None:
    """The parts of the request's cursor, None without one; raises BadCursor."""
    text = request.query.get("cursor")
    if text is None:
        return None
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        parts = None
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise bad_cursor()
    return parts


def encode_place(time_s: float, identity: str) -> str:
    """The cursor of a list by time and id, after this item."""
    return encode_cursor([repr(time_s), identity])


def decode_place(request: web.Request) -> tuple[float, str] | None:
    """Time (epoch seconds) and id where the last page ended; raises BadCursor."""
    parts = decode_cursor(request)
    if parts is None:
        return None
    try:
        text, identity = parts
        time_s, known = float(text), str(UUID(identity))
    except ValueError:
        raise bad_cursor() from None
    if not 0 <= time_s < FAR_FUTURE_S:  # nor NaN
        raise bad_cursor()
    return time_s, known


def bad_cursor() -> BadCursor:
    """The 422 of a cursor that this list did not hand out."""
    return BadCursor("cursor was not made here", [Issue(["query", "cursor"], "not a cursor")])


def page_of(
    request: web.Request, items: Iterable[T], key: Callable[[T], list[str]]
) -> tuple[list[T], str | None]:
    """One page of a list that fits into memory, and the next cursor.

    `key` orders the items and is unique, so a page goes on where the last one ended
    whatever was added or removed in between. Raises InvalidInput, BadCursor.
    """
    limit, after = limit_of(request), decode_cursor(request)
    ordered = sorted(items, key=key)
    if after is not None:
        ordered = [item for item in ordered if key(item) > after]
    page = ordered[:limit]
    more = len(ordered) > limit
    return page, encode_cursor(key(page[-1])) if more else None
