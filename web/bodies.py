"""Reading request bodies: size, content type, gzip, UTF-8, JSON, model; in that order."""

from __future__ import annotations

import asyncio
import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ValidationError

from liveops.errors import InvalidInput, Issue
from liveops.slices import Slices
from web.admission import UNBOUNDED, Held
from web.connection import BROKEN, go_on
from web.problems import Problem

#: Largest body, before and after decompression.
MAX_BYTES = 8 * 1024 * 1024
JSON = "application/json"
#: Two names of one encoding (RFC 9110, 8.4.1.3).
GZIP = ("gzip", "x-gzip")
IDENTITY = "identity"
#: A body has to arrive within this time of its head.
DEADLINE_S = 30.0
_BLOCK_BYTES = 262_144
#: Commas of a body that is read as a model.
MAX_VALUES = 50_000
#: Faults named in a refusal.
MAX_ISSUES = 20
Model = TypeVar("Model", bound=BaseModel)


async def read_body(
    request: web.Request, accept: tuple[str, ...] = (JSON,), held: Held = UNBOUNDED
) -> bytes:
    """The decompressed, UTF-8 body; raises Problem 413, 415, 429 or 400."""
    body = await read_sent(request, lambda: _check_type(request, accept), held)
    body = await decompressed(request, body, held)
    await check_utf8(body)
    return body


async def read_sent(
    request: web.Request, check: Callable[[], None], held: Held = UNBOUNDED
) -> bytes:
    """The body as it is sent; `check` looks at what its headers say. Raises Problem.

    What it takes is `held`, before it is read where its size is told.
    """
    size = request.content_length
    if size is None:
        body = await _read_raw(request, held)
        check()
        return body
    # Of a body whose size is told all this is known before it is sent.
    if size > MAX_BYTES:
        raise too_large()
    check()
    held.take(size)
    return await _read_raw(request, UNBOUNDED)


async def decompressed(request: web.Request, body: bytes, held: Held = UNBOUNDED) -> bytes:
    """The body without its content encoding, gzip or none; raises Problem 413, 429 or 400."""
    if encoding_of(request) not in GZIP:
        return body
    held.take(MAX_BYTES)  # nobody knows before how much it becomes
    plain = await asyncio.to_thread(gunzip, body)
    held.take(len(plain) - MAX_BYTES)
    return plain


async def _read_raw(request: web.Request, held: Held) -> bytes:
    """The body as sent, at most MAX_BYTES of it, within its deadline."""
    await go_on(request)
    content = request.content
    if content.is_eof() and content.exception() is None:
        body = content.read_nowait()  # all is there: nothing to wait for, and no timer to set
        if len(body) > MAX_BYTES:
            raise too_large()
        held.take(len(body))
        return body
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(DEADLINE_S):
            async for chunk in content.iter_any():
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_BYTES:
                    raise too_large()
                held.take(len(chunk))
    except TimeoutError:
        request[BROKEN] = True
        raise Problem(408, f"the body did not arrive within {DEADLINE_S:g} s") from None
    except (web.RequestPayloadError, HttpProcessingError) as error:
        request[BROKEN] = True
        raise Problem(400, "the body is broken") from error
    return b"".join(chunks)


async def check_utf8(body: bytes) -> None:
    """Raises Problem(400); a large body is looked at in blocks, the loop runs in between."""
    if body.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for at in range(0, len(body), _BLOCK_BYTES):
            decoder.decode(body[at : at + _BLOCK_BYTES])
            await asyncio.sleep(0)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise Problem(400, "the body is not UTF-8") from None


def encoding_of(request: web.Request) -> str:
    """The content encoding, in small letters."""
    return request.headers.get("Content-Encoding", IDENTITY).strip().lower()


def too_large() -> Problem:
    """The answer to a body over the limit."""
    return Problem(413, f"the body is over {MAX_BYTES} bytes")


def _check_type(request: web.Request, accept: tuple[str, ...]) -> None:
    if request.content_type not in accept or "Content-Type" not in request.headers:
        raise Problem(415, f"the content type must be {' or '.join(accept)}")
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise Problem(415, "the charset must be UTF-8")
    check_encoding(request)


def check_encoding(request: web.Request) -> None:
    """Raises Problem(415) for any encoding but gzip and none."""
    if encoding_of(request) not in (IDENTITY, *GZIP):
        raise Problem(415, "the content encoding must be gzip or none")


def gunzip(body: bytes) -> bytes:
    """The content of all gzip members, zeros after the last ignored.

    Raises Problem 413 or 400.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as reader:
            plain = reader.read(MAX_BYTES + 1)
    except EOFError:
        raise Problem(400, "the gzip body is incomplete") from None
    except (zlib.error, gzip.BadGzipFile):
        raise Problem(400, "the body is not gzip, or has a tail that is not") from None
    if len(plain) > MAX_BYTES:
        raise too_large()
    return plain


def decode_json(body: bytes) -> Any:
    """Plain objects; raises Problem(400)."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(400, f"the body is not JSON: {error}") from None


async def read_model(request: web.Request, model: type[Model]) -> Model:
    """The body as a model, no type coerced; raises Problem(400, 413, 415) or InvalidInput."""
    body = await read_body(request)
    _check_size(body)
    decode_json(body)
    await asyncio.sleep(0)
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise _refusal(error) from None


async def read_items(
    request: web.Request, model: type[BaseModel], name: str, item: type[Model], most: int
) -> list[Model]:
    """The list `name` of a model that has thousands of items, read in slices.

    Raises as `read_model`, at the first faulty item.
    """
    body = await read_body(request)
    _check_size(body)
    plain = decode_json(body)
    items: list[Any] = []
    if isinstance(plain, dict) and isinstance(plain.get(name), list) and len(plain[name]) <= most:
        items, plain[name] = plain[name], []
    _validate(model, plain)
    found: list[Model] = []
    slices = Slices()
    for one in items:
        if slices.is_over:
            await slices.rest()
        found.append(_validate(item, one, [name, len(found)]))
    return found


def _validate(model: type[Model], plain: Any, loc: Sequence[str | int] = ()) -> Model:
    try:
        return model.model_validate(plain, strict=True)
    except ValidationError as error:
        raise _refusal(error, loc) from None


def _refusal(error: ValidationError, loc: Sequence[str | int] = ()) -> InvalidInput:
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    issues = [Issue([*loc, *fault["loc"]], fault["msg"]) for fault in faults[:MAX_ISSUES]]
    return InvalidInput("the body is not valid", issues)


def _check_size(body: bytes) -> None:
    """Raises Problem(413) for more values than any model takes: reading them takes long."""
    commas = 0
    for at in range(0, len(body), _BLOCK_BYTES):
        commas += body.count(b",", at, at + _BLOCK_BYTES)
        if commas > MAX_VALUES:
            raise Problem(413, f"the body has over {MAX_VALUES} values")
