"""Reading request bodies: size, content type, gzip, UTF-8, JSON, model; in that order."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import DecompressSizeError, PayloadEncodingError
from pydantic import BaseModel, ValidationError

from liveops.errors import InvalidInput, Issue
from web.problems import Problem

#: Largest body, before and after decompression.
MAX_BYTES = 8 * 1024 * 1024
JSON = "application/json"
Model = TypeVar("Model", bound=BaseModel)


async def read_body(request: web.Request, accept: tuple[str, ...] = (JSON,)) -> bytes:
    """The decompressed, UTF-8 body; raises Problem 413, 415 or 400.

    The server undoes gzip while it reads, so the limit counts decompressed bytes too.
    """
    too_large = Problem(413, f"the body is over {MAX_BYTES} bytes")
    if (request.content_length or 0) > MAX_BYTES:
        raise too_large
    chunks, size = [], 0
    try:
        async for chunk in request.content.iter_chunked(65_536):
            size += len(chunk)
            if size > MAX_BYTES:
                raise too_large
            chunks.append(chunk)
    except DecompressSizeError:
        raise too_large from None
    except (web.RequestPayloadError, PayloadEncodingError, ClientPayloadError) as error:
        raise Problem(400, "the body is broken or not of its content encoding") from error
    _check_type(request, accept)
    body = b"".join(chunks)
    try:
        body.decode()
    except UnicodeDecodeError:
        raise Problem(400, "the body is not UTF-8") from None
    return body


def _check_type(request: web.Request, accept: tuple[str, ...]) -> None:
    if request.content_type not in accept or "Content-Type" not in request.headers:
        raise Problem(415, f"the content type must be {' or '.join(accept)}")
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise Problem(415, "the charset must be UTF-8")
    if request.headers.get("Content-Encoding", "identity").lower() not in ("identity", "gzip"):
        raise Problem(415, "the content encoding must be gzip or none")


def decode_json(body: bytes) -> Any:
    """Plain objects; raises Problem(400)."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(400, f"the body is not JSON: {error}") from None


async def read_model(request: web.Request, model: type[Model]) -> Model:
    """The body as a model; raises Problem(400, 413, 415) or InvalidInput."""
    return parse_model(decode_json(await read_body(request)), model)


def parse_model(plain: Any, model: type[Model]) -> Model:
    """A plain object as a model; raises InvalidInput naming each fault."""
    try:
        return model.model_validate(plain)
    except ValidationError as error:
        issues = [
            Issue(list(item["loc"]), item["msg"])
            for item in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise InvalidInput("the body is not valid", issues) from None
