"""The table of window state and the codec of its values.

Key `service NUL h` holds the header (watermark, offsets, pending output), key
`service NUL m<start>` one minute of all series. Values are MessagePack, exact.
"""

from __future__ import annotations

from typing import Any

import msgspec
from faust.types.app import AppT

from liveops.windows.state import Offsets, SeriesId, ServiceState
from liveops.windows.summary import Summary
from tables.checkpointed import SEPARATOR, CheckpointedTable, declare

NAME = "windows"
_HEADER = b"h"


class Header(msgspec.Struct, array_like=True):
    """Everything of a service but its minutes."""

    event_max_s: float
    event_append_s: float
    watermark_s: float
    raw_offset: int
    keyed_offset: int
    origins: dict[int, int]
    seen_ids: dict[str, float]
    last_seen_s: list[tuple[str, list[list[str]], float]]
    corrections: list[tuple[int, str, list[list[str]]]]
    partition_s: float
    #: Finished outputs not known to be sent: (topic, record).
    pending: list[tuple[str, bytes]]


class MinuteValue(msgspec.Struct, array_like=True):
    """One minute: summaries by series, and revisions of windows that start here."""

    series: list[tuple[str, list[list[str]], list[Any]]]
    revisions: list[tuple[str, str, list[list[str]], int]]


def register(app: AppT, partitions: int) -> CheckpointedTable:
    """Declare the table."""
    return declare(app, NAME, partitions)


def header_key(service: str) -> bytes:
    """Key of a service's header."""
    return service.encode() + SEPARATOR + _HEADER


def minute_key(service: str, start_s: int) -> bytes:
    """Key of one minute of a service."""
    return service.encode() + SEPARATOR + b"m%d" % start_s


def encode_header(
    state: ServiceState, partition_s: float, pending: list[tuple[str, bytes]]
) -> bytes:
    """Header value of a service."""
    return msgspec.msgpack.encode(
        Header(
            state.event_max_s,
            state.event_append_s,
            state.watermark_s,
            state.offsets.raw,
            state.offsets.keyed,
            state.offsets.origins,
            state.seen_ids,
            [(s.metric_type, _tags(s), at) for s, at in state.last_seen_s.items()],
            [(start, s.metric_type, _tags(s)) for start, s in state.corrections],
            partition_s,
            pending,
        )
    )


def encode_minute(state: ServiceState, start_s: int) -> bytes | None:
    """Value of one minute, or None when nothing is left of it."""
    series = state.minutes.get(start_s, {})
    revisions = [
        (name, s.metric_type, _tags(s), revision)
        for (name, start, s), revision in state.revisions.items()
        if start == start_s
    ]
    if not series and not revisions:
        return None
    packed = [(s.metric_type, _tags(s), summary.as_state()) for s, summary in series.items()]
    return msgspec.msgpack.encode(MinuteValue(packed, revisions))


def decode_service(
    service: str, header: bytes, minutes: dict[int, bytes]
) -> tuple[ServiceState, float, list[tuple[str, bytes]]]:
    """State, partition time and pending output of a service from its values."""
    head = msgspec.msgpack.decode(header, type=Header)
    state = ServiceState(
        service, head.event_max_s, head.event_append_s, head.watermark_s, seen_ids=head.seen_ids
    )
    state.offsets = Offsets(head.raw_offset, head.keyed_offset, head.origins)
    state.last_seen_s = {_series(kind, tags): at for kind, tags, at in head.last_seen_s}
    state.corrections = {(start, _series(kind, tags)) for start, kind, tags in head.corrections}
    for start, value in minutes.items():
        minute = msgspec.msgpack.decode(value, type=MinuteValue)
        if minute.series:
            state.minutes[start] = {
                _series(kind, tags): Summary.from_state(plain)
                for kind, tags, plain in minute.series
            }
        for name, kind, tags, revision in minute.revisions:
            state.revisions[(name, start, _series(kind, tags))] = revision
    return state, head.partition_s, head.pending


def split_key(key: bytes) -> tuple[str, int | None]:
    """(service, minute start) of a key; None for the header."""
    owner, part = key.split(SEPARATOR, 1)
    return owner.decode(), None if part == _HEADER else int(part[1:])


def _tags(series: SeriesId) -> list[list[str]]:
    return [list(pair) for pair in series.tags]


def _series(metric_type: str, tags: list[list[str]]) -> SeriesId:
    return SeriesId(metric_type, tuple((name, value) for name, value in tags))
