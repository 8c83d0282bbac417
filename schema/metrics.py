"""Metrics as producers send them and aggregates as the windows emit them.

One reader for all entrances (HTTP, Kafka, files): `read_metric` turns a decoded
JSON object into a `Metric` or says exactly what is wrong with it. `schema.kinds` says what
a metric object may hold beside its value.
"""

from __future__ import annotations

import math
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from schema.kinds import GAUGE, Histogram, Kind, fault_of_histogram
from schema.metric_fault import MetricFault as MetricFault
from schema.metric_fault import fault_of as fault_of
from schema.names import MAX_NAME_CHARS as MAX_NAME_CHARS
from schema.names import is_metric_type as is_metric_type
from schema.names import is_service_name as is_service_name
from schema.series import OVERFLOW_SERVICE, OVERFLOW_TAG, series_key
from schema.times import format_time, parse_time_s

MAX_TAGS = 16
MAX_TAG_CHARS = 256
MAX_FUTURE_S = 600.0

WindowName = Literal["1m", "5m", "15m"]
#: Window sizes in seconds by their public name.
WINDOW_S: dict[str, int] = {"1m": 60, "5m": 300, "15m": 900}
#: The same of rollups: longer windows that are only stored, merged from those of 15 minutes.
ROLLUP_S: dict[str, int] = {"1h": 3600, "1d": 86_400}


class MetricIn(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A metric object as clients write it, by its form; `judge` looks at the contents."""

    service_name: str
    metric_type: str
    value: float | UnsetType = UNSET
    tags: dict[str, str] = {}
    timestamp: float | str | None = None
    kind: Kind = GAUGE
    once: bool = False
    start: float | str | None = None
    histogram: Histogram | UnsetType = UNSET


class KeyedMetricIn(MetricIn, frozen=True, forbid_unknown_fields=True, gc=False):
    """A metric object on `metrics.raw`, which may carry its id."""

    id: str | None = None


class Metric(Struct, frozen=True, gc=False):
    """One accepted measurement; times are event times in epoch seconds.

    The value of a histogram is its mean.
    """

    id: str
    service_name: str
    metric_type: str
    value: float
    tags: dict[str, str]
    timestamp_s: float
    kind: Kind = GAUGE
    once: bool = False
    start_s: float | None = None
    histogram: Histogram | None = None

    @property
    def series(self) -> str:
        """Series name within the service."""
        return series_key(self.metric_type, self.tags)

    def public(self) -> dict[str, Any]:
        """JSON form of HTTP answers, Redis and WebSockets; the kind where it is no gauge."""
        shown = {
            "id": self.id,
            "service_name": self.service_name,
            "metric_type": self.metric_type,
            "value": self.value,
            "tags": self.tags,
            "timestamp": format_time(self.timestamp_s),
        }
        return shown if self.kind == GAUGE else shown | {"kind": self.kind}

    def measured(self) -> dict[str, Any]:
        """What was measured, as a metric object says it: value or histogram, and its kind."""
        told: dict[str, Any] = (
            {"value": self.value}
            if self.histogram is None
            else {"histogram": structs.asdict(self.histogram)}
        )
        if self.kind != GAUGE:
            told["kind"] = self.kind
        if self.once:
            told["once"] = True
        if self.start_s is not None:
            told["start"] = round(self.start_s, 6)
        return told


def read_metric(item: object, now_s: float, max_age_s: float, *, with_id: bool = False) -> Metric:
    """Check one decoded JSON object; raises MetricFault.

    `now_s` stands in for a missing timestamp and bounds it: at most 10 minutes
    ahead, at most `max_age_s` behind. The id is "" unless given (`with_id`).
    """
    try:
        sent = msgspec.convert(item, KeyedMetricIn if with_id else MetricIn)
    except msgspec.ValidationError as error:
        raise fault_of(error) from None
    verdict = judge(sent, now_s, max_age_s)
    if isinstance(verdict, MetricFault):
        raise verdict
    return verdict


def judge(sent: MetricIn, now_s: float, max_age_s: float) -> Metric | MetricFault:
    """`read_metric` of an object of the right form; a fault is returned, not raised."""
    if not is_service_name(sent.service_name):
        return MetricFault(["service_name"], "1 to 128 of A-Z a-z 0-9 . _ / -")
    if sent.service_name.startswith(OVERFLOW_SERVICE):
        return MetricFault(["service_name"], f"{OVERFLOW_SERVICE}… is reserved")
    if not is_metric_type(sent.metric_type):
        return MetricFault(["metric_type"], "1 to 128 of A-Z a-z 0-9 . _ : / -")
    value = _value_of(sent)
    if isinstance(value, MetricFault):
        return value
    fault = _fault_of_tags(sent.tags) if sent.tags else None
    if fault is not None:
        return fault
    time_s = _seconds("timestamp", sent.timestamp, now_s)
    if isinstance(time_s, MetricFault):
        return time_s
    if not now_s - max_age_s <= time_s <= now_s + MAX_FUTURE_S:
        return _fault_of_time(time_s, now_s)
    identity = ""
    if isinstance(sent, KeyedMetricIn) and sent.id:
        try:
            identity = str(UUID(sent.id))
        except ValueError:
            return MetricFault(["id"], "not a UUID")
    found = Metric(
        identity, sent.service_name, sent.metric_type, value, sent.tags, time_s, sent.kind,
        sent.once,
    )  # fmt: skip
    return found if _is_plain(sent) else _detailed(found, sent)


def _value_of(sent: MetricIn) -> float | MetricFault:
    """The value, of a histogram its mean."""
    if sent.kind == "histogram":
        if sent.histogram is UNSET:
            return MetricFault(["histogram"], "Object missing required field `histogram`")
        if sent.value is not UNSET:
            return MetricFault(["value"], "a histogram has none")
        wrong = fault_of_histogram(sent.histogram)
        if wrong is not None:
            return MetricFault(["histogram", wrong[0]], wrong[1])
        return sent.histogram.mean
    if sent.histogram is not UNSET:
        return MetricFault(["histogram"], 'only with "kind": "histogram"')
    if sent.value is UNSET:
        return MetricFault(["value"], "Object missing required field `value`")
    if not math.isfinite(sent.value):
        return MetricFault(["value"], "must be a finite number")
    return sent.value


def _seconds(name: str, stamp: float | str | None, now_s: float) -> float | MetricFault:
    if stamp is None:
        return now_s
    if not isinstance(stamp, str):
        return stamp
    try:
        return parse_time_s(stamp)
    except (ValueError, OverflowError):
        return MetricFault([name], "not RFC 3339 with an offset")


def _is_plain(sent: MetricIn) -> bool:
    return sent.start is None and sent.histogram is UNSET


def _detailed(found: Metric, sent: MetricIn) -> Metric | MetricFault:
    """The metric with its start and its histogram."""
    start_s = None if sent.start is None else _seconds("start", sent.start, 0.0)
    if isinstance(start_s, MetricFault):
        return start_s
    if start_s is not None and sent.kind != "counter":
        return MetricFault(["start"], 'only with "kind": "counter"')
    if start_s is not None and not start_s <= found.timestamp_s:
        return MetricFault(["start"], "must be a time not after the timestamp")
    histogram = None if sent.histogram is UNSET else sent.histogram
    return structs.replace(found, start_s=start_s, histogram=histogram)


def _fault_of_tags(tags: dict[str, str]) -> MetricFault | None:
    if len(tags) > MAX_TAGS:
        return MetricFault(["tags"], f"at most {MAX_TAGS} tags")
    for name, text in tags.items():
        if not 0 < len(name) <= MAX_TAG_CHARS or len(text) > MAX_TAG_CHARS:
            return MetricFault(["tags", name[:64]], f"1 to {MAX_TAG_CHARS} characters")
        if "\x00" in name or "\x00" in text:
            return MetricFault(["tags", name[:64]], "NUL is not allowed")
    if OVERFLOW_TAG in tags:
        return MetricFault(["tags", OVERFLOW_TAG], "is reserved")
    return None


def _fault_of_time(time_s: float, now_s: float) -> MetricFault:
    if not math.isfinite(time_s):
        return MetricFault(["timestamp"], "must be finite")
    if time_s > now_s:
        return MetricFault(["timestamp"], "more than 10 minutes in the future", "future")
    return MetricFault(["timestamp"], "older than the retention", "too_old")


class Aggregate(Struct, frozen=True):
    """One window of one series, closed (`final`) or still open.

    `start_s`/`end_s` are epoch seconds; `histogram` is the mergeable sketch behind
    the quantiles (see `liveops.windows.buckets`), of closed windows only.
    """

    service_name: str
    metric_type: str
    tags: dict[str, str]
    window: str
    start_s: int
    end_s: int
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
    histogram: dict[str, Any]
    backfill: bool = False
    broker_time_s: float = 0.0
    #: The same packed, of open windows.
    sketch: str = ""
    kind: Kind = GAUGE
    #: What a counter or delta grew by; None for other kinds.
    increase: float | None = None
    rate_per_s: float | None = None

    @property
    def series(self) -> str:
        """Series name within the service."""
        return series_key(self.metric_type, self.tags)


POINT_FIELDS = (
    "count", "sum", "min", "max", "mean", "stddev", "p50", "p95", "p99", "rate", "increase",
    "rate_per_s", "final",
)  # fmt: skip
