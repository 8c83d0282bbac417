"""A route as data: what the router, the matrix test and the OpenAPI document read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel

from liveops.security.access import Access
from liveops.slices import in_slices

__all__ = ["Access", "Handler", "Query", "Route", "json_response", "list_response", "one_of"]

T = TypeVar("T")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter or header, for the documentation; `schema` is that of one value
    where it is not any text."""

    name: str
    description: str
    required: bool = False
    repeated: bool = False
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One call: method, path with `{names}`, handler, who may, and how it is documented.

    `media_types` are those of a body that no model describes, `answer_types` those that an answer
    may have beside its model's.
    """

    method: str
    path: str
    handler: Handler
    access: Access
    summary: str
    request_model: type[BaseModel] | None = None
    response_model: type[BaseModel] | None = None
    query: tuple[Query, ...] = ()
    headers: tuple[Query, ...] = ()
    media_types: tuple[str, ...] = ()
    answer_types: tuple[str, ...] = ()
    status: int = 200
    websocket: bool = False


def one_of(values: Iterable[str]) -> Mapping[str, Any]:
    """The schema of a text that is one of these."""
    return {"type": "string", "enum": list(values)}


def json_response(
    plain: Any, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """A JSON answer."""
    return web.Response(
        status=status,
        body=orjson.dumps(plain),
        content_type="application/json",
        headers=headers,
    )


async def list_response(
    items: Iterable[T], render: Callable[[T], Any], *, name: str = "items", **more: Any
) -> web.Response:
    """A JSON answer with a list, which is encoded in slices, and `more` beside it."""
    texts = await in_slices(lambda item: orjson.dumps(render(item)), items)
    body = b'{"%b":[%b]' % (name.encode(), b",".join(texts))
    body += b"," + orjson.dumps(more)[1:] if more else b"}"
    return web.Response(body=body, content_type="application/json")
