"""Points of OpenTelemetry as items of ours, by the kind of their metric. Pure.

| metric | becomes |
|---|---|
| gauge | gauge |
| sum, delta | delta |
| sum, cumulative | counter; gauge where it may fall |
| histogram, exponential histogram, delta | histogram |
| histogram, cumulative | counters: `…_bucket` with `le`, `…_count`, `…_sum`, as in Prometheus |
| exponential histogram, cumulative | counters `…_count`, `…_sum`; histogram of what was added |
| summary | gauges with `quantile`; counters `…_count`, `…_sum` |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    DataPointFlags,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
    SummaryDataPoint,
)

from liveops.intake.cumulative_histograms import Differences
from liveops.intake.foreign_items import ForeignItems
from liveops.intake.foreign_series import Refusal, Written
from liveops.intake.histograms import MAX_SENT_BUCKETS, Explicit, Exponential, from_offset
from liveops.intake.mapping import number_text
from liveops.intake.otlp_attributes import Labels, labels_of
from liveops.intake.otlp_names import Origin, OtlpNames
from schema.kinds import MAX_BUCKETS, Kind
from schema.metrics import MetricFault

#: Times of OTLP are nanoseconds.
TICKS = 1e9
GAUGE, SUM, HISTOGRAM, EXPONENTIAL, SUMMARY = 5, 7, 9, 10, 11
#: The class of a point by the number of its metric's field.
MESSAGES: Mapping[int, Any] = {
    GAUGE: NumberDataPoint,
    SUM: NumberDataPoint,
    HISTOGRAM: HistogramDataPoint,
    EXPONENTIAL: ExponentialHistogramDataPoint,
    SUMMARY: SummaryDataPoint,
}
_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_NO_VALUE = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
_SCALES = range(-10, 21)
_NO_TEMPORALITY = MetricFault(
    ["aggregationTemporality"], "must be delta or cumulative", "no_temporality"
)
_VALUE_MISSING = MetricFault(["value"], "there is none")
_MISFIT = MetricFault(["bucketCounts"], "do not fit the bounds, or there are too many")
_NO_SUM = MetricFault(["sum"], "must be a finite number", "not_finite")
_MANY_QUANTILES = MetricFault(["quantileValues"], "there are too many")
_MAX_QUANTILES = 1000


class Form(NamedTuple):
    """What a metric is: its name, its kind by field number, and how its points count."""

    name: str
    number: int
    temporality: int
    is_monotonic: bool


class PointTaker:
    """Takes points into items; `rejected` counts those that are bad, whatever they are made of."""

    def __init__(self, names: OtlpNames, items: ForeignItems, histograms: Differences) -> None:
        self._names = names
        self._items = items
        self._histograms = histograms
        self._read = {
            GAUGE: self._number,
            SUM: self._number,
            HISTOGRAM: self._histogram,
            EXPONENTIAL: self._exponential,
            SUMMARY: self._summary,
        }
        self.rejected = 0
        self.points = 0

    def refuse(self, fault: MetricFault) -> None:
        """A point, or a metric that cannot be read, is bad."""
        self.points += 1
        self.rejected += 1
        self._items.refuse(fault)

    def take(self, point: Any, form: Form, origin: Origin) -> None:
        """One point of a metric."""
        self.points += 1
        before = self._items.refusals
        try:
            self._read[form.number](point, form, origin)
        except Refusal as refusal:
            self._items.refuse(refusal.fault)
        if self._items.refusals > before:
            self.rejected += 1

    def _number(self, point: Any, form: Form, origin: Origin) -> None:
        kind: Kind = "gauge"
        if form.number == SUM:
            _check_temporality(form)
            if form.temporality == _DELTA:
                kind = "delta"
            elif form.is_monotonic:
                kind = "counter"
        if point.flags & _NO_VALUE:
            self._items.ended += 1
            return
        field = point.WhichOneof("value")
        if field is None:
            raise Refusal(_VALUE_MISSING)
        series = self._series(origin, form.name, kind, labels_of(point.attributes))
        self._items.value(series, float(getattr(point, field)), *_times(point))

    def _histogram(self, point: Any, form: Form, origin: Origin) -> None:
        _check_temporality(form)
        if point.flags & _NO_VALUE:
            self._items.ended += 1
            return
        found = _explicit_of(point)
        if form.temporality == _DELTA:
            self._add_histogram(point, form, origin, found)
            return
        labels = labels_of(point.attributes)
        series = [
            self._series(origin, form.name + "_bucket", "counter", labels | {"le": text})
            for text in (*map(number_text, found.bounds), "+Inf")
        ]
        total = 0.0
        for one, count in zip(series, found.counts, strict=True):
            total += count
            self._items.value(one, total, *_times(point))
        self._totals(point, form, origin, labels)

    def _exponential(self, point: Any, form: Form, origin: Origin) -> None:
        _check_temporality(form)
        if point.flags & _NO_VALUE:
            self._items.ended += 1
            return
        found = _exponential_of(point)
        if form.temporality == _DELTA:
            self._add_histogram(point, form, origin, found.explicit())
            return
        labels = labels_of(point.attributes)
        self._totals(point, form, origin, labels)
        series = self._series(origin, form.name, "histogram", labels)
        self._histograms.add(series, found, *_times(point), self._items)

    def _summary(self, point: Any, form: Form, origin: Origin) -> None:
        if point.flags & _NO_VALUE:
            self._items.ended += 1
            return
        if len(point.quantile_values) > _MAX_QUANTILES:
            raise Refusal(_MANY_QUANTILES)
        labels = labels_of(point.attributes)
        for one in point.quantile_values:
            text = number_text(one.quantile)
            if not math.isnan(one.value):  # of nothing
                named = labels | {"quantile": text}
                series = self._series(origin, form.name, "gauge", named)
                self._items.value(series, one.value, point.time_unix_nano)
        self._totals(point, form, origin, labels)

    def _add_histogram(self, point: Any, form: Form, origin: Origin, found: Explicit) -> None:
        series = self._series(origin, form.name, "histogram", labels_of(point.attributes))
        self._items.histogram(series, found, point.time_unix_nano)

    def _totals(self, point: Any, form: Form, origin: Origin, labels: Labels) -> None:
        """The counters `…_count` and `…_sum`."""
        count = self._series(origin, form.name + "_count", "counter", labels)
        self._items.value(count, float(point.count), *_times(point))
        if form.number == SUMMARY or point.HasField("sum"):
            total = self._series(origin, form.name + "_sum", "counter", labels)
            self._items.value(total, point.sum, *_times(point))

    def _series(self, origin: Origin, name: str, kind: Kind, labels: Labels) -> Written:
        series = self._names.series(origin, name, kind, labels)
        if isinstance(series, MetricFault):
            raise Refusal(series)
        return series


def _times(point: Any) -> tuple[int, int]:
    return point.time_unix_nano, point.start_time_unix_nano


def _check_temporality(form: Form) -> None:
    if form.temporality not in (_DELTA, _CUMULATIVE):
        raise Refusal(_NO_TEMPORALITY)


def _explicit_of(point: Any) -> Explicit:
    """The buckets of a histogram; one without any tells its count alone. Raises Refusal."""
    if max(len(point.explicit_bounds), len(point.bucket_counts)) > MAX_BUCKETS:
        raise Refusal(_MISFIT)
    bounds, counts = list(point.explicit_bounds), list(point.bucket_counts)
    if not counts and not bounds:
        counts = [point.count]
    if len(counts) != len(bounds) + 1 or sum(counts) != point.count:
        raise Refusal(_MISFIT)
    if not all(map(math.isfinite, bounds)) or any(a >= b for a, b in pairwise(bounds)):
        raise Refusal(_MISFIT)
    return Explicit(point.count, _sum_of(point), bounds, counts)


def _exponential_of(point: Any) -> Exponential:
    """The buckets of an exponential histogram; raises Refusal."""
    positive, negative = point.positive, point.negative
    buckets = len(positive.bucket_counts) + len(negative.bucket_counts)
    if point.scale not in _SCALES or buckets > MAX_SENT_BUCKETS:
        raise Refusal(_MISFIT)
    if not 0 <= point.zero_threshold < math.inf:
        raise Refusal(_MISFIT)
    found = Exponential(
        point.count, _sum_of(point), point.scale, point.zero_count, point.zero_threshold,
        from_offset(positive.offset, positive.bucket_counts),
        from_offset(negative.offset, negative.bucket_counts),
    )  # fmt: skip
    if not found.is_whole:
        raise Refusal(_MISFIT)
    return found


def _sum_of(point: Any) -> float | None:
    if not point.HasField("sum"):
        return None
    if not math.isfinite(point.sum):
        raise Refusal(_NO_SUM)
    return float(point.sum)
