"""The verdict on one item, whatever entrance it came by: HTTP, Kafka or a file. Pure.

An item is read alone: a number beyond a double, half a surrogate pair or a deep nest is a
fault of that item and of no other.
"""

from __future__ import annotations

import json
from typing import NoReturn

import msgspec

from liveops.intake.json_array import ArraySplitter, NotAnArray
from schema.metrics import KeyedMetricIn, Metric, MetricFault, MetricIn, fault_of, judge

#: No metric within the limits is longer, however it is escaped.
MAX_ITEM_BYTES = 131_072

_decode = msgspec.json.Decoder(MetricIn).decode
_decode_keyed = msgspec.json.Decoder(KeyedMetricIn).decode
_skip = msgspec.json.Decoder(msgspec.Raw).decode


#: What the fast reader says of text that is no JSON, whatever the type it was to be read as.
_SURELY_MALFORMED = (
    "JSON is malformed: invalid character",
    "JSON is malformed: trailing characters",
)


class NotJson(ValueError):
    """The text is not JSON by its grammar."""


def _refuse(name: str) -> NoReturn:
    raise NotJson(f"{name} is not JSON")


_parse = json.JSONDecoder(parse_constant=_refuse, parse_int=float).decode


def read_item(
    text: bytes, now_s: float, max_age_s: float, *, with_id: bool = False
) -> Metric | MetricFault:
    """The verdict on an item as it was sent; raises NotJson.

    `now_s` stands in for a missing timestamp and bounds it (`judge`); an id may be given
    only `with_id`.
    """
    if len(text) > MAX_ITEM_BYTES:
        return _too_long(text)
    try:
        sent = _decode_keyed(text) if with_id else _decode(text)
    except msgspec.ValidationError as error:
        # A fault of form is found before the item is read to its end.
        return fault_of_json(text) or fault_of(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        refuse_malformed(error)
        return fault_of_json(text) or MetricFault([], "cannot be read")
    return judge(sent, now_s, max_age_s)


def _too_long(text: bytes) -> MetricFault:
    try:
        _skip(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        refuse_malformed(error)
    return MetricFault([], f"over {MAX_ITEM_BYTES} bytes")


def refuse_malformed(error: Exception) -> None:
    """Raises NotJson where the fast reader is sure of it; of other errors it is not."""
    if str(error).startswith(_SURELY_MALFORMED):
        raise NotJson(str(error)) from None


def surely_malformed(text: bytes) -> str | None:
    """Why this is no JSON, where the fast reader is sure of it; None means nothing."""
    try:
        _skip(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = str(error)
        return said if said.startswith(_SURELY_MALFORMED) else None
    return None


def check_json(text: bytes) -> None:
    """Raises NotJson unless this is JSON by its grammar, or RecursionError."""
    try:
        _parse(text.decode())
    except ValueError as error:
        raise NotJson(str(error)) from None


def fault_of_json(text: bytes) -> MetricFault | None:
    """What hinders JSON from being read; raises NotJson when it is none."""
    try:
        _skip(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        refuse_malformed(error)
        try:
            check_json(text)
        except RecursionError:
            _check_end(text)
            return MetricFault([], "nested too deeply")
        return MetricFault([], "a text is not Unicode: half a surrogate pair")
    return None


def _check_end(text: bytes) -> None:
    """Raises NotJson where a deep nest of lists does not end."""
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] == b"[":
        try:
            for _ in ArraySplitter(text, start).blocks():
                pass
        except NotAnArray as error:
            raise NotJson(str(error)) from None
