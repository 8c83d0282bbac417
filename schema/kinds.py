"""Kinds of metric, and the fields of a record that belong to them.

A metric object, by HTTP, on `metrics.raw`, in NDJSON and in files alike, may say beside
`service_name`, `metric_type`, `value`, `tags` and `timestamp`:

    kind       "gauge" (default), "counter" (cumulative, falls only at resets), "delta" (the
               value is an increase) or "histogram"
    once       true: of samples of the same series and time one counts, the first
    start      when a counter began at 0, as `timestamp` is written and not after it: its
               first sample then counts from there. Only with "kind": "counter"
    histogram  {"count", "sum", "bounds": [b1, …, bn], "counts": [c0, …, cn]} in the place of
               `value`, of one interval, only with "kind": "histogram": c0 values at or below
               b1, c1 above b1 and at or below b2, …, cn above bn; `count` is their sum

The kind is no part of a series' identity: the first stays until the series is forgotten, and
a sample of another is a bad item.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal, get_args

from msgspec import Struct

Kind = Literal["gauge", "counter", "delta", "histogram"]
KINDS: tuple[Kind, ...] = get_args(Kind)
GAUGE: Kind = "gauge"
#: Buckets of one histogram.
MAX_BUCKETS = 1000
#: A count that a double holds exactly.
_MAX_COUNT = 2**53


class Histogram(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Values of one interval by bucket; there is one count more than there are bounds."""

    count: int
    sum: float
    bounds: list[float]
    counts: list[int]

    @property
    def mean(self) -> float:
        """The mean of the values, 0 where there are none."""
        return self.sum / self.count if self.count else 0.0


def fault_of_histogram(found: Histogram) -> tuple[str, str] | None:
    """Field and reason where a histogram is none."""
    if len(found.counts) > MAX_BUCKETS:
        return "counts", f"at most {MAX_BUCKETS} buckets"
    if len(found.counts) != len(found.bounds) + 1:
        return "counts", "one more than there are bounds"
    if not all(map(math.isfinite, found.bounds)):
        return "bounds", "must be finite numbers"
    if any(low >= high for low, high in pairwise(found.bounds)):
        return "bounds", "must ascend"
    if min(found.counts) < 0 or found.count > _MAX_COUNT or sum(found.counts) != found.count:
        return "count", "must be the sum of the counts, none of which is below 0"
    if not math.isfinite(found.sum):
        return "sum", "must be a finite number"
    return None
