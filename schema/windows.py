"""Windows as records: on `metrics.aggregated`, on `liveops.windows.open` and in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from schema.kinds import GAUGE, Kind
from schema.metrics import Aggregate
from schema.series import SeriesId, series_id
from schema.times import format_edge, format_time, parse_edge, parse_time_s


class SeriesName(NamedTuple):
    """How a series is named: within its service, and as the beginning of its records."""

    key: str
    text: bytes


#: count, sum, min, max, mean, stddev, p50, p95, p99 and rate of one window.
Figures = tuple[int, float, float, float, float, float, float, float, float, float]
#: Increase and rate per second.
Growth = tuple[float, float]


class Windows(NamedTuple):
    """Windows of one service, size and start in columns: an entry of each list is a series.

    What the parts mean says `Aggregate`.
    """

    service_name: str
    window: str
    start_s: int
    end_s: int
    final: bool
    revision: int
    series: list[SeriesName]
    figures: list[Figures]
    broker_times_s: list[float]
    histograms: list[dict[str, Any]]
    sketches: list[str]
    #: None for series that are no counters or deltas, or where all of them are not.
    growth: list[Growth | None] | None = None


class _Numbers(Struct, omit_defaults=True):
    """What differs from series to series, as the end of a record; what is empty is left out."""

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
    increase: float | None = None
    rate_per_s: float | None = None


class _Window(_Numbers, kw_only=True):
    """JSON form of one window."""

    service_name: str
    metric_type: str
    tags: dict[str, str]
    window: str
    start: str
    end: str
    kind: Kind = GAUGE


class _OpenWindows(Struct):
    """Open windows of one service that changed, with the service's watermark."""

    service_name: str
    watermark: str
    windows: list[_Window]


class _WrittenWindows(Struct):
    service_name: str
    watermark: str
    windows: list[Raw]


#: Kinds of series whose windows say what they grew by.
_GROWING: frozenset[Kind] = frozenset({"counter", "delta"})
_encode = msgspec.json.Encoder().encode
_decode_window = msgspec.json.Decoder(_Window).decode
_decode_open = msgspec.json.Decoder(_OpenWindows).decode


def name_series(series: SeriesId) -> SeriesName:
    """Both names of a series; its records say what kind it is where it is no gauge."""
    names = series._asdict() | {"tags": dict(series.tags)}
    if series.kind == GAUGE:
        del names["kind"]
    if series.kind not in _GROWING:
        names |= {"increase": None, "rate_per_s": None}
    return SeriesName(series.key, _encode(names)[:-1])


def write_windows(windows: Windows, *, backfill: bool = False) -> list[bytes]:
    """The record of each window."""
    final, revision = windows.final, windows.revision
    place = _place(windows.window, windows.start_s, windows.end_s)
    found: list[bytes] = []
    columns = zip(
        windows.series,
        windows.figures,
        windows.broker_times_s,
        windows.histograms,
        windows.sketches,
        strict=True,
    )
    grown = windows.growth or repeat(None)
    for ((_, names), figures, broker_s, histogram, sketch), growth in zip(
        columns, grown, strict=False
    ):
        broker_time = format_edge(broker_s)
        numbers = _Numbers(*figures, final, revision, broker_time, histogram, backfill, sketch)
        if growth is not None:
            numbers.increase, numbers.rate_per_s = growth
        found.append(names + place + _encode(numbers)[1:])
    return found


def _place(window: str, start_s: int, end_s: int) -> bytes:
    start, end = format_edge(start_s), format_edge(end_s)
    return f',"window":"{window}","start":"{start}","end":"{end}",'.encode()


def write_window(window: Aggregate) -> bytes:
    """The record of a window."""
    name = name_series(series_id(window.service_name, window.metric_type, window.tags, window.kind))
    growth = None
    if window.increase is not None and window.rate_per_s is not None:
        growth = (window.increase, window.rate_per_s)
    figures = (
        window.count, window.sum, window.min, window.max, window.mean, window.stddev,
        window.p50, window.p95, window.p99, window.rate,
    )  # fmt: skip
    (record,) = write_windows(
        Windows(
            window.service_name,
            window.window,
            window.start_s,
            window.end_s,
            window.final,
            window.revision,
            [name],
            [figures],
            [window.broker_time_s],
            [window.histogram],
            [window.sketch],
            [growth],
        ),
        backfill=window.backfill,
    )
    return record


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
        record.kind,
        record.increase,
        record.rate_per_s,
    )
