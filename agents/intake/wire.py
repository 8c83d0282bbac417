"""Metrics as they are written in a record, read without looking at every name. Pure.

Times stay text: agents/intake/times.py reads those of many records at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from schema.times import TimeReader

NO_TAGS = Raw(b"{}")


class Item(Struct, forbid_unknown_fields=True, gc=False):
    """A metric within a batch record."""

    metric_type: str
    value: float
    service_name: str | None = None
    tags: Raw = NO_TAGS
    timestamp: float | str | None = None
    id: str | None = None


class Wire(Struct, forbid_unknown_fields=True, gc=False):
    """A record: one metric, or `metrics` of one service."""

    service_name: str
    metric_type: str = ""
    value: float = float("nan")
    tags: Raw = NO_TAGS
    timestamp: float | str | None = None
    id: str | None = None
    metrics: list[Item] | UnsetType = UNSET


decode_wire: Callable[[bytes], Wire] = msgspec.json.Decoder(Wire).decode


_reader = TimeReader()


class Unusual(Exception):
    """The record needs the full check."""


#: What decoding anything at all may raise: a tombstone is a TypeError.
NOT_QUICK = (TypeError, ValueError, OverflowError, RecursionError, msgspec.DecodeError)


#: Stands for a record that is no metric at first sight.
UNREADABLE = Wire("")


def decode_all(records: Sequence[Any]) -> list[Wire]:
    """Every record's value, UNREADABLE where it is not of the usual form."""
    try:
        return [decode_wire(record.value) for record in records]
    except NOT_QUICK:
        return [_decode(record.value) for record in records]


def _decode(value: bytes) -> Wire:
    try:
        return decode_wire(value)
    except NOT_QUICK:
        return UNREADABLE


def seconds(stamp: float | str | None, append_s: float) -> float:
    """Epoch seconds of a metric's time, which is the broker's where none is given.

    Raises Unusual for a text that is no time.
    """
    if stamp is None:
        return append_s
    if not isinstance(stamp, str):
        return stamp
    try:
        return _reader.read(stamp)
    except (ValueError, OverflowError):
        raise Unusual from None


def id_bytes(text: str) -> bytes:
    """The 16 bytes of a UUID; raises Unusual when it is not written the usual way."""
    try:
        identity = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        raise Unusual from None
    if len(identity) != 16 or len(text) != 36 or " " in text:
        raise Unusual
    return identity
