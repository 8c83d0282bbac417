"""Metrics as producers send them and aggregates as the windows emit them.

One reader for all entrances (HTTP, Kafka, files): `read_metric` turns a decoded
JSON object into a `Metric` or says exactly what is wrong with it.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from schema.series import OVERFLOW_SERVICE, OVERFLOW_TAG, series_key
from schema.times import format_time, parse_time_s

MAX_NAME_CHARS = 128
MAX_TAGS = 16
MAX_TAG_CHARS = 256
MAX_FUTURE_S = 600.0

WindowName = Literal["1m", "5m", "15m"]
#: Window sizes in seconds by their public name.
WINDOW_S: dict[str, int] = {"1m": 60, "5m": 300, "15m": 900}


class MetricIn(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A metric object as clients write it, by its form; `judge` looks at the contents."""

    service_name: str
    metric_type: str
    value: float
    tags: dict[str, str] = {}
    timestamp: float | str | None = None


class KeyedMetricIn(MetricIn, frozen=True, forbid_unknown_fields=True, gc=False):
    """A metric object on `metrics.raw`, which may carry its id."""

    id: str | None = None


class Metric(Struct, frozen=True, gc=False):
    """One accepted measurement; `timestamp_s` is event time in epoch seconds."""

    id: str
    service_name: str
    metric_type: str
    value: float
    tags: dict[str, str]
    timestamp_s: float

    @property
    def series(self) -> str:
        """Series name within the service."""
        return series_key(self.metric_type, self.tags)

    def public(self) -> dict[str, Any]:
        """JSON form of HTTP answers, Redis and WebSockets."""
        return {
            "id": self.id,
            "service_name": self.service_name,
            "metric_type": self.metric_type,
            "value": self.value,
            "tags": self.tags,
            "timestamp": format_time(self.timestamp_s),
        }


class MetricFault(Exception):
    """Why an object is no metric: `loc` is the field path, `msg` the reason."""

    def __init__(self, loc: list[str | int], msg: str, reason: str = "invalid") -> None:
        super().__init__(msg)
        self.loc = loc
        self.msg = msg
        self.reason = reason


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
    if not math.isfinite(sent.value):
        return MetricFault(["value"], "must be a finite number")
    fault = _fault_of_tags(sent.tags) if sent.tags else None
    if fault is not None:
        return fault
    time_s = sent.timestamp
    if time_s is None:
        time_s = now_s
    elif isinstance(time_s, str):
        try:
            time_s = parse_time_s(time_s)
        except (ValueError, OverflowError):
            return MetricFault(["timestamp"], "not RFC 3339 with an offset")
    if not now_s - max_age_s <= time_s <= now_s + MAX_FUTURE_S:
        return _fault_of_time(time_s, now_s)
    identity = ""
    if isinstance(sent, KeyedMetricIn) and sent.id:
        try:
            identity = str(UUID(sent.id))
        except ValueError:
            return MetricFault(["id"], "not a UUID")
    return Metric(identity, sent.service_name, sent.metric_type, sent.value, sent.tags, time_s)


def is_service_name(text: str) -> bool:
    """Whether a service may be called so."""
    return len(text) <= MAX_NAME_CHARS and _is_service_name(text)


def is_metric_type(text: str) -> bool:
    """Whether a metric type may be called so."""
    return len(text) <= MAX_NAME_CHARS and _is_metric_type(text)


# The same names come again and again: looking one up is faster than matching it.
@lru_cache(maxsize=16_384)
def _is_service_name(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9._/-]+", text) is not None


@lru_cache(maxsize=16_384)
def _is_metric_type(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9._:/-]+", text) is not None


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


def fault_of(error: msgspec.ValidationError) -> MetricFault:
    """The fault of an object that is not of the right form."""
    return MetricFault(*_where(str(error)))


_PATH = re.compile(r" - at `(?:key in )?\$([^`]*)`$")


def _where(message: str) -> tuple[list[str | int], str]:
    """Split msgspec's "what - at `$.path`" into a location and a message."""
    found = _PATH.search(message)
    if not found:
        unknown = re.search(r"unknown field `([^`]*)`", message)
        missing = re.search(r"required field `([^`]*)`", message)
        name = unknown or missing
        return ([name.group(1)] if name else []), message
    loc: list[str | int] = [part for part in re.split(r"[.\[\]]+", found.group(1)) if part]
    return loc, message[: found.start()]


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

    @property
    def series(self) -> str:
        """Series name within the service."""
        return series_key(self.metric_type, self.tags)


POINT_FIELDS = (
    "count", "sum", "min", "max", "mean", "stddev", "p50", "p95", "p99", "rate", "final",
)  # fmt: skip
