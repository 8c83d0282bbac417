"""Metric events as Vector writes them with `encoding.codec = "json"`. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from liveops.intake.mapping import legal_tags, no_service, number_text, service_of, within
from schema.metrics import MetricFault, MetricIn

#: What an event may measure, by the name of its field.
MEASURES = (
    "counter", "gauge", "set", "distribution", "aggregated_histogram", "aggregated_summary",
    "sketch",
)  # fmt: skip


class _Value(Struct, forbid_unknown_fields=True):
    value: float


class _Set(Struct, forbid_unknown_fields=True):
    values: list[str]


class _Bucket(Struct, forbid_unknown_fields=True):
    upper_limit: float | None  # Vector writes infinity as null
    count: float


class _Histogram(Struct, forbid_unknown_fields=True):
    buckets: list[_Bucket]
    count: float
    sum: float


class _Quantile(Struct, forbid_unknown_fields=True):
    quantile: float
    value: float | None  # and a quantile of nothing


class _Summary(Struct, forbid_unknown_fields=True):
    quantiles: list[_Quantile]
    count: float
    sum: float


class _Event(Struct, forbid_unknown_fields=True):
    """A metric event; exactly one of the measures is there."""

    name: str
    kind: str
    namespace: str = ""
    tags: dict[str, str] = {}
    timestamp: str | None = None
    interval_ms: int | None = None
    counter: _Value | UnsetType = UNSET
    gauge: _Value | UnsetType = UNSET
    set: _Set | UnsetType = UNSET
    aggregated_histogram: _Histogram | UnsetType = UNSET
    aggregated_summary: _Summary | UnsetType = UNSET
    distribution: Raw | UnsetType = UNSET
    sketch: Raw | UnsetType = UNSET


_decode = msgspec.json.Decoder(_Event).decode
#: End of the name, tags beside the event's own, value.
_Part = tuple[str, dict[str, str], float | MetricFault]


def read_vector(text: bytes) -> Iterator[MetricIn | MetricFault]:
    """The metrics of an event: one, or those of a histogram, summary or set.

    Raises msgspec.DecodeError or RecursionError when it is not of Vector's form.
    """
    event = _decode(text)
    found = service_of(event.tags)
    if found is None:
        yield no_service()
        return
    service, rest = found
    tags = legal_tags(rest)
    for end, more, value in _parts(event):
        if isinstance(value, MetricFault):
            yield value
            continue
        metric = within(event.namespace, event.name + end if event.name else "")
        all_tags = legal_tags(rest | more) if more else tags
        yield MetricIn(service, metric, value, all_tags, event.timestamp)


def _parts(event: _Event) -> Iterator[_Part]:
    for single in (event.counter, event.gauge):
        if single is not UNSET:
            yield "", {}, single.value
    if event.set is not UNSET:
        yield "", {}, float(len({*event.set.values}))
    if event.aggregated_histogram is not UNSET:
        yield from _histogram(event.aggregated_histogram)
    if event.aggregated_summary is not UNSET:
        yield from _summary(event.aggregated_summary)
    for name, unread in (("distribution", event.distribution), ("sketch", event.sketch)):
        if unread is not UNSET:
            why = "has no value of its own; let Vector aggregate it to a histogram or summary"
            yield "", {}, MetricFault([name], why)


def _histogram(found: _Histogram) -> Iterator[_Part]:
    """As Prometheus writes it: buckets count all up to their bound."""
    total = 0.0
    for bucket in found.buckets:
        if bucket.upper_limit is not None:
            total += bucket.count
            yield "_bucket", {"le": number_text(bucket.upper_limit)}, total
    yield "_bucket", {"le": "+Inf"}, found.count
    yield "_sum", {}, found.sum
    yield "_count", {}, found.count


def _summary(found: _Summary) -> Iterator[_Part]:
    for one in found.quantiles:
        if one.value is not None:
            yield "", {"quantile": number_text(one.quantile)}, one.value
    yield "_sum", {}, found.sum
    yield "_count", {}, found.count
