"""Native histograms of Prometheus: counters, and what was added for the quantiles. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

from liveops.intake.cumulative_histograms import Differences
from liveops.intake.foreign_items import ForeignItems
from liveops.intake.foreign_series import Refusal, Written
from liveops.intake.histograms import MAX_SENT_BUCKETS, Buckets, Exponential, from_spans
from liveops.intake.mapping import number_text
from liveops.intake.remote_write_names import Part, SeriesOf, is_stale
from liveops.intake.wire.remote_write_pb2 import Histogram
from schema.kinds import MAX_BUCKETS
from schema.metrics import MetricFault

#: The schema of histograms with bounds of their own, and those of exponential ones.
_CUSTOM, _EXPONENTIAL = -53, range(-4, 9)
_WHOLE, _COUNT, _SUM = Part("", "histogram"), Part("_count", "counter"), Part("_sum", "counter")
_MISFIT = MetricFault(["histogram"], "spans, counts and bounds do not fit, or are too many")
_FLOATS = MetricFault(["histogram"], "counts that are no integers", "unsupported")
_GAUGE = MetricFault(["histogram"], "a gauge histogram counts nothing", "unsupported")
_SCHEMA = MetricFault(["histogram"], "a schema that is not known", "unsupported")


def take_histogram(
    sent: Any, series_of: SeriesOf, start_ms: int, items: ForeignItems, differences: Differences
) -> None:
    """Take one native histogram of a series: `…_count`, `…_sum`, and its buckets."""
    if is_stale(sent.sum):
        items.ended += 1
        return
    start_ms = sent.start_timestamp or start_ms
    try:
        _check(sent)
        if sent.schema == _CUSTOM:
            _take_custom(sent, series_of, start_ms, items)
        else:
            found = _exponential(sent)
            differences.add(_series(series_of, _WHOLE), found, sent.timestamp, start_ms, items)
        items.value(_series(series_of, _COUNT), sent.count_int, sent.timestamp, start_ms)
        items.value(_series(series_of, _SUM), sent.sum, sent.timestamp, start_ms)
    except Refusal as refusal:
        items.refuse(refusal.fault)


def _check(sent: Any) -> None:
    if sent.WhichOneof("count") == "count_float":
        raise Refusal(_FLOATS)
    if sent.reset_hint == Histogram.GAUGE:
        raise Refusal(_GAUGE)
    if sent.schema != _CUSTOM and sent.schema not in _EXPONENTIAL:
        raise Refusal(_SCHEMA)
    spans, deltas = sent.positive_spans, sent.positive_deltas
    if max(len(spans), len(deltas), len(sent.negative_deltas)) > MAX_SENT_BUCKETS:
        raise Refusal(_MISFIT)
    if not 0 <= sent.zero_threshold < math.inf or len(sent.negative_spans) > MAX_SENT_BUCKETS:
        raise Refusal(_MISFIT)


def _exponential(sent: Any) -> Exponential:
    positive = _buckets(sent.positive_spans, sent.positive_deltas)
    negative = _buckets(sent.negative_spans, sent.negative_deltas)
    # The count has what is no number too, which is in no bucket.
    count = sum(positive.values()) + sum(negative.values()) + sent.zero_count_int
    total = sent.sum if math.isfinite(sent.sum) else None
    return Exponential(
        count, total, sent.schema, sent.zero_count_int, sent.zero_threshold, positive, negative
    )


def _buckets(spans: Any, deltas: Sequence[int]) -> Buckets:
    counts = list(accumulate(deltas))
    found = from_spans([(span.offset, span.length) for span in spans], counts)
    if found is None or min(counts, default=0) < 0:
        raise Refusal(_MISFIT)
    return found


def _take_custom(sent: Any, series_of: SeriesOf, start_ms: int, items: ForeignItems) -> None:
    """Counters by `le`, as of a classic histogram."""
    bounds = list(sent.custom_values)
    counts = _buckets(sent.positive_spans, sent.positive_deltas)
    if len(bounds) >= MAX_BUCKETS or not all(map(math.isfinite, bounds)):
        raise Refusal(_MISFIT)
    if any(a >= b for a, b in pairwise(bounds)) or not all(0 <= at <= len(bounds) for at in counts):
        raise Refusal(_MISFIT)
    total = 0
    for at, text in enumerate([*map(number_text, bounds), "+Inf"]):
        total += counts.get(at, 0)
        series = _series(series_of, Part("_bucket", "counter", text))
        items.value(series, total, sent.timestamp, start_ms)


def _series(series_of: SeriesOf, part: Part) -> Written:
    series = series_of(part)
    if isinstance(series, MetricFault):
        raise Refusal(series)
    return series
