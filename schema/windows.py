"""Windows as records: on `metrics.aggregated`, on `liveops.windows.open` and in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from schema.metrics import Aggregate
from schema.times import format_edge, format_time, parse_edge, parse_time_s


class _Window(Struct, omit_defaults=True):
    """JSON form of one window; what is empty is left out, `tags` excepted."""

    service_name: str
    metric_type: str
    tags: dict[str, str]
    window: str
    start: str
    end: str
    count: int
    sum: float
    min: float
    max: float
    mean: float
    stddev: float
    p50: float
    p95: float
    p99: float
    rate: float
    final: bool
    revision: int
    broker_time: str
    histogram: dict[str, Any] = {}
    backfill: bool = False
    sketch: str = ""


class _OpenWindows(Struct):
    """Open windows of one service that changed, with the service's watermark."""

    service_name: str
    watermark: str
    windows: list[_Window]


class _WrittenWindows(Struct):
    service_name: str
    watermark: str
    windows: list[Raw]


_encode = msgspec.json.Encoder().encode
_decode_window = msgspec.json.Decoder(_Window).decode
_decode_open = msgspec.json.Decoder(_OpenWindows).decode


def write_window(got: Aggregate) -> bytes:
    """The record of a window."""
    return _encode(
        _Window(
            got.service_name,
            got.metric_type,
            got.tags,
            got.window,
            format_edge(got.start_s),
            format_edge(got.end_s),
            got.count,
            got.sum,
            got.min,
            got.max,
            got.mean,
            got.stddev,
            got.p50,
            got.p95,
            got.p99,
            got.rate,
            got.final,
            got.revision,
            format_edge(got.broker_time_s),
            got.histogram,
            got.backfill,
            got.sketch,
        )
    )


def read_window(value: bytes) -> Aggregate:
    """Inverse of `write_window`; raises ValueError on foreign input."""
    try:
        return _aggregate(_decode_window(value))
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def write_open(service: str, watermark_s: float, windows: Sequence[bytes]) -> bytes:
    """The record of a service's open windows, themselves written already."""
    texts = [Raw(window) for window in windows]
    return _encode(_WrittenWindows(service, format_time(watermark_s), texts))


def read_open(value: bytes) -> tuple[str, list[Aggregate], float]:
    """Service, windows and watermark of a record of open windows; raises ValueError."""
    try:
        record = _decode_open(value)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    windows = [_aggregate(item) for item in record.windows]
    return record.service_name, windows, parse_time_s(record.watermark)


def _aggregate(record: _Window) -> Aggregate:
    return Aggregate(
        record.service_name,
        record.metric_type,
        record.tags,
        record.window,
        int(parse_edge(record.start)),
        int(parse_edge(record.end)),
        record.count,
        record.sum,
        record.min,
        record.max,
        record.mean,
        record.stddev,
        record.p50,
        record.p95,
        record.p99,
        record.rate,
        record.final,
        record.revision,
        record.histogram,
        record.backfill,
        parse_edge(record.broker_time),
        record.sketch,
    )
