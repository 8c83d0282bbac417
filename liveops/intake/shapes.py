"""Metrics as they are written in a record, read without looking at every name. Pure.

Times stay text: liveops/intake/times.py reads those of many records at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from schema.kinds import GAUGE, Kind

MAX_RECORD_BYTES = 1_000_000
MAX_ITEMS = 10_000
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
    metrics: Sequence[Item] | UnsetType = UNSET


class KindItem(Item, forbid_unknown_fields=True, gc=False):
    """A metric within a batch record, with the fields that belong to kinds (`schema.kinds`)."""

    value: float = float("nan")
    kind: Kind = GAUGE
    once: bool = False
    start: float | str | None = None
    histogram: Raw | UnsetType = UNSET


class KindWire(Wire, forbid_unknown_fields=True, gc=False):
    """A record with the fields that belong to kinds."""

    metrics: Sequence[KindItem] | UnsetType = UNSET
    kind: Kind = GAUGE
    once: bool = False
    start: float | str | None = None
    histogram: Raw | UnsetType = UNSET


decode_wire: Callable[[bytes], Wire] = msgspec.json.Decoder(Wire).decode
_decode_kind_wire: Callable[[bytes], KindWire] = msgspec.json.Decoder(KindWire).decode


#: What decoding anything at all may raise: a tombstone is a TypeError.
_UNREADABLE = (TypeError, ValueError, OverflowError, RecursionError, msgspec.DecodeError)


_id_of: Callable[[Wire | Item], str | None] = attrgetter("id")

#: Stands for a record that is no metric at first sight.
UNREADABLE = KindWire("")


@dataclass(frozen=True, slots=True)
class Wires:
    """Every record's value, UNREADABLE where it is not of the usual form or too large.

    `known` are the positions of those that can be read, None where all can. `plain` tells that
    none has a field that belongs to kinds.
    """

    all: Sequence[Wire]
    known: list[int] | None
    plain: bool


def decode_all(records: Sequence[Any]) -> Wires:
    """The values of records; where one says its kind, all are read with that in mind."""
    values = [record.value for record in records]
    is_sound = False
    with suppress(*_UNREADABLE):
        is_sound = max(map(len, values)) <= MAX_RECORD_BYTES
        if is_sound:
            return Wires(list(map(decode_wire, values)), None, plain=True)
    if not is_sound:
        values = [value if len(value or b"") <= MAX_RECORD_BYTES else b"" for value in values]
    wires: list[KindWire] = []
    is_any_unreadable = False
    rest = iter(values)
    while len(wires) < len(values):
        try:
            # Up to the next that cannot be read; what was read before it stays.
            wires.extend(map(_decode_kind_wire, rest))
        except _UNREADABLE:
            wires.append(UNREADABLE)
            is_any_unreadable = True
    known = None
    if is_any_unreadable:
        known = [at for at, wire in enumerate(wires) if wire is not UNREADABLE]
    return Wires(wires, known, plain=False)


def given_ids(items: Sequence[Wire | Item]) -> tuple[dict[int, bytes], list[int]]:
    """The ids that came with these, as 16 bytes by position, and where one is oddly written."""
    found: dict[int, bytes] = {}
    odd: list[int] = []
    given = list(map(_id_of, items))
    if given.count(None) == len(given):
        return found, odd
    for at, text in enumerate(given):
        if text is not None:
            identity = _id_bytes(text)
            if identity is None:
                odd.append(at)
            else:
                found[at] = identity
    return found, odd


def _id_bytes(text: str) -> bytes | None:
    """The 16 bytes of a UUID; None when it is not written the usual way."""
    try:
        identity = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None
    if len(identity) != 16 or len(text) != 36 or " " in text:
        return None
    return identity
