"""Metrics as Telegraf writes them with `data_format = "json"`. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from liveops.intake.mapping import joined, legal_tags, no_service, service_of
from schema.metrics import MetricFault, MetricIn
from schema.times import unix_time_s


class _Telegraf(Struct, forbid_unknown_fields=True, gc=False):
    """One measurement with its fields."""

    name: str
    fields: dict[str, Any]
    tags: dict[str, str] = {}
    timestamp: float | str | None = None


class _Careful(Struct, forbid_unknown_fields=True, gc=False):
    """The same, where a field cannot be read."""

    name: str
    fields: dict[str, Raw]
    tags: dict[str, str] = {}
    timestamp: float | str | None = None


_decode = msgspec.json.Decoder(_Telegraf).decode
_decode_careful = msgspec.json.Decoder(_Careful).decode
_decode_value = msgspec.json.Decoder(Any).decode


def read_telegraf(text: bytes) -> Iterator[MetricIn | MetricFault]:
    """A metric for each field, in the order they are written.

    Raises msgspec.DecodeError or RecursionError when it is not of Telegraf's form.
    """
    measured: _Telegraf | _Careful
    try:
        measured = _decode(text)
    except msgspec.DecodeError:  # perhaps for the sake of one field
        measured = _decode_careful(text)
    return metrics_of(measured.name, measured.tags, measured.fields.items(), measured.timestamp)


def metrics_of(
    name: str, tags: dict[str, str], fields: Any, timestamp: float | str | None
) -> Iterator[MetricIn | MetricFault]:
    """A metric for each field of a measurement; `fields` are pairs of key and value.

    A number as `timestamp` is a Unix time in any unit.
    """
    found = service_of(tags)
    if found is None:
        yield no_service()
        return
    service, rest = found
    rest = legal_tags(rest)
    if isinstance(timestamp, int | float):  # of lines: whole nanoseconds
        timestamp = unix_time_s(timestamp)
    is_empty = True
    for field, value in fields:
        is_empty = False
        number = _number(value)
        if isinstance(number, str):
            yield MetricFault(["fields", field[:64]], number)
        else:
            yield MetricIn(service, joined(name, field), number, rest, timestamp)
    if is_empty:
        yield MetricFault(["fields"], "there are none")


def _number(value: Any) -> float | str:
    """The value as a number, or why it is none."""
    if isinstance(value, Raw):
        try:
            value = _decode_value(value)
        except (msgspec.DecodeError, RecursionError):
            return "cannot be read: beyond a double, or no Unicode"
    if isinstance(value, bool):
        return "a boolean is no value of a metric"
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return "beyond a double"
    return "only a number is a value of a metric"
