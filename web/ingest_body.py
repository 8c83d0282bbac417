"""The items of a body of `POST /api/metrics` and the verdict on each.

A body is split into the bytes of its items, and each item is read alone: what is wrong
with one (a number beyond a double, half a surrogate, a deep nest) is a fault of that item
and of no other, whatever form the body has.
"""

from __future__ import annotations

import re
from typing import NoReturn

import msgspec

from liveops.errors import InvalidInput, Issue
from liveops.intake import item
from liveops.intake.json_array import ArraySplitter, NotAnArray, lines_of
from liveops.slices import Slices
from schema.metrics import Metric, MetricFault
from web.problems import Problem

NDJSON = "application/x-ndjson"
#: Items of one body.
MAX_ITEMS = 10_000
#: Bodies up to this size, with few commas, are split by one call of some milliseconds.
_ONE_CALL_BYTES, _ONE_CALL_COMMAS = 2 * 1024 * 1024, 40_000
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_SPACE = b" \t\r\n"
_BLOCK_BYTES = 32_768
#: The beginning of `{"metrics": …}`; nobody needs more blanks than these.
_WRAPPER = re.compile(rb'\{[ \t\r\n]{0,999}"metrics"[ \t\r\n]{0,999}:[ \t\r\n]{0,999}')


async def split(body: bytes, content_type: str) -> list[bytes]:
    """The items of a body in any of its four forms, not decoded yet.

    Raises Problem(400, 413) or InvalidInput.
    """
    if content_type == NDJSON:
        items = await _split_lines(body)
    else:
        items = await _split_json(body)
    if not items:
        raise InvalidInput("no metrics", [Issue([], "the list is empty")])
    return items


async def _split_lines(body: bytes) -> list[bytes]:
    items: list[bytes] = []
    slices = Slices()
    for lines in lines_of(body):
        items += lines
        _check_number(items)
        if slices.is_over:
            await slices.rest()
    return items


async def _split_json(body: bytes) -> list[bytes]:
    start = await _skip_blanks(body, 0)
    wrapper = _WRAPPER.match(body, start)
    if wrapper is not None:
        if body[wrapper.end() : wrapper.end() + 1] != b"[":
            _check_json(body)
            raise InvalidInput("metrics is no list", [Issue(["metrics"], "must be a list")])
        items, end = await _split_array(body, wrapper.end())
        end = await _skip_blanks(body, end)
        if body[end : end + 1] == b",":
            raise InvalidInput("unknown field", [Issue([], "only metrics may be here")])
        if body[end : end + 1] != b"}" or await _skip_blanks(body, end + 1) < len(body):
            _refuse("what follows the metrics")
        return items
    if body[start : start + 1] != b"[":
        return [body]
    if len(body) <= _ONE_CALL_BYTES and body.count(b",") <= _ONE_CALL_COMMAS:
        try:
            items = [bytes(raw) for raw in _LIST.decode(body)]
        except (msgspec.DecodeError, RecursionError):
            pass  # perhaps for the sake of one item
        else:
            _check_number(items)
            return items
    items, end = await _split_array(body, start)
    if await _skip_blanks(body, end) < len(body):
        _refuse("what follows the list")
    return items


async def _skip_blanks(body: bytes, at: int) -> int:
    """Where the next byte stands that is no blank; of long blanks a block at a time."""
    slices = Slices()
    while at < len(body):
        block = body[at : at + _BLOCK_BYTES]
        rest = len(block.lstrip(_SPACE))
        if rest:
            return at + len(block) - rest
        at += len(block)
        if slices.is_over:
            await slices.rest()
    return at


async def _split_array(body: bytes, start: int) -> tuple[list[bytes], int]:
    """The items of the array that begins at `start`, and where it ends."""
    splitter = ArraySplitter(body, start)
    items: list[bytes] = []
    slices = Slices()
    try:
        for found in splitter.blocks():
            items += found
            _check_number(items)
            if slices.is_over:
                await slices.rest()
    except NotAnArray as error:
        _refuse(str(error))
    return items, splitter.end


def _check_number(items: list[bytes]) -> None:
    if len(items) > MAX_ITEMS:
        raise Problem(413, f"more than {MAX_ITEMS} metrics in one body")


def read_item(text: bytes, now_s: float, max_age_s: float) -> Metric | MetricFault:
    """The verdict on one item; raises Problem(400) when it is not JSON at all."""
    try:
        return item.read_item(text, now_s, max_age_s)
    except item.NotJson as error:
        _refuse(str(error))


def _check_json(text: bytes) -> None:
    """Raises Problem(400) unless this is JSON by its grammar; RecursionError."""
    try:
        item.check_json(text)
    except item.NotJson as error:
        _refuse(str(error))


def _refuse(why: str) -> NoReturn:
    raise Problem(400, f"the body is not JSON: {why}")
