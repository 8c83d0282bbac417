"""Reading request bodies: size, content type, gzip, UTF-8, JSON, model; in that order."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import PayloadEncodingError
from pydantic import BaseModel, ValidationError

from liveops.errors import InvalidInput, Issue
from web.problems import Problem

#: Largest body, before and after decompression.
MAX_BYTES = 8 * 1024 * 1024
JSON = "application/json"
GZIP = "gzip"
IDENTITY = "identity"
#: Smaller compressed bodies are not worth a thread.
_INLINE_BYTES = 65_536
Model = TypeVar("Model", bound=BaseModel)


async def read_body(request: web.Request, accept: tuple[str, ...] = (JSON,)) -> bytes:
    """The decompressed, UTF-8 body; raises Problem 413, 415 or 400."""
    body = await _read_raw(request)
    _check_type(request, accept)
    if request.headers.get("Content-Encoding", IDENTITY).lower() == GZIP:
        large = len(body) > _INLINE_BYTES
        body = await asyncio.to_thread(gunzip, body) if large else gunzip(body)
    try:
        body.decode()
    except UnicodeDecodeError:
        raise Problem(400, "the body is not UTF-8") from None
    return body


async def _read_raw(request: web.Request) -> bytes:
    """The body as sent, at most MAX_BYTES of it."""
    if (request.content_length or 0) > MAX_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > MAX_BYTES:
                raise _too_large()
    except (web.RequestPayloadError, PayloadEncodingError) as error:
        raise Problem(400, "the body is broken") from error
    return bytes(body)


def _too_large() -> Problem:
    return Problem(413, f"the body is over {MAX_BYTES} bytes")


def _check_type(request: web.Request, accept: tuple[str, ...]) -> None:
    if request.content_type not in accept or "Content-Type" not in request.headers:
        raise Problem(415, f"the content type must be {' or '.join(accept)}")
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise Problem(415, "the charset must be UTF-8")
    if request.headers.get("Content-Encoding", IDENTITY).lower() not in (IDENTITY, GZIP):
        raise Problem(415, "the content encoding must be gzip or none")


def gunzip(body: bytes) -> bytes:
    """The content of one whole gzip member; raises Problem 413 or 400."""
    reader = zlib.decompressobj(wbits=31)
    try:
        plain = reader.decompress(body, MAX_BYTES + 1)
    except zlib.error:
        raise Problem(400, "the body is not gzip") from None
    if len(plain) > MAX_BYTES:
        raise _too_large()
    if not reader.eof or reader.unused_data:
        raise Problem(400, "the gzip body is incomplete or has a tail")
    return plain


def decode_json(body: bytes) -> Any:
    """Plain objects; raises Problem(400)."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(400, f"the body is not JSON: {error}") from None


async def read_model(request: web.Request, model: type[Model]) -> Model:
    """The body as a model; raises Problem(400, 413, 415) or InvalidInput."""
    return parse_model(await read_body(request), model)


def parse_model(body: bytes, model: type[Model]) -> Model:
    """JSON text as a model, no type coerced; raises Problem(400) or InvalidInput."""
    decode_json(body)
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        issues = [
            Issue(list(item["loc"]), item["msg"])
            for item in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise InvalidInput("the body is not valid", issues) from None
