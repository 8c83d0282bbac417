"""Histograms of other senders as ours: bounds, and a count between each two of them. Pure.

Exponential histograms (OpenTelemetry) and native ones (Prometheus) have buckets whose bounds are
powers of 2^(2^-scale). Index i stands for what is above base^(i-1) and up to base^i, as
Prometheus counts them; OpenTelemetry's are one lower.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import mul

import orjson

#: Buckets of one histogram beyond which it is a mistake.
MAX_SENT_BUCKETS = 5000
#: Buckets that are told apart; a finer histogram is made coarser, as its format allows.
MAX_BUCKETS = 400
#: Powers of 2 that a double holds.
_MIN_POWER, _MAX_POWER = -1074.0, 1024.0
_SMALLEST = 5e-324
Buckets = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Explicit:
    """Counts of what is up to each bound and above the one before; one more above the last.

    `bounds` rise. `sum` is None where the sender does not tell it.
    """

    count: int
    sum: float | None
    bounds: list[float]
    counts: list[int]

    def as_json(self) -> bytes:
        """As it is written in a record."""
        total = self._estimated_sum() if self.sum is None else self.sum
        return orjson.dumps(
            {"count": self.count, "sum": total, "bounds": self.bounds, "counts": self.counts}
        )

    def _estimated_sum(self) -> float:
        """As if each value lay in the middle of its bucket."""
        if not self.bounds:
            return 0.0
        edges = [self.bounds[0], *self.bounds, self.bounds[-1]]
        middles = [low / 2 + high / 2 for low, high in pairwise(edges)]
        return float(sum(map(mul, middles, self.counts)))


@dataclass(frozen=True, slots=True)
class Exponential:
    """Counts by index of their bucket, of values above 0, below 0 and around 0."""

    count: int
    sum: float | None
    scale: int
    zero_count: int = 0
    zero_threshold: float = 0.0
    positive: Buckets = field(default_factory=dict)
    negative: Buckets = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether the count is that of all buckets."""
        of_buckets = sum(self.positive.values()) + sum(self.negative.values())
        return self.count == of_buckets + self.zero_count

    def coarser(self, scale: int) -> Exponential:
        """The same with fewer buckets; each is merged with those beside it."""
        by = self.scale - scale
        if by <= 0:
            return self
        return Exponential(
            self.count, self.sum, scale, self.zero_count, self.zero_threshold,
            _merged(self.positive, by), _merged(self.negative, by),
        )  # fmt: skip

    def since(self, before: Exponential) -> Exponential | None:
        """What has been counted since; None when it began anew in between.

        Both must have the same zero threshold.
        """
        scale = min(self.scale, before.scale)
        now, then = self.coarser(scale), before.coarser(scale)
        positive = _difference(now.positive, then.positive)
        negative = _difference(now.negative, then.negative)
        count, zero_count = now.count - then.count, now.zero_count - then.zero_count
        if positive is None or negative is None or count < 0 or zero_count < 0:
            return None
        total = None if now.sum is None or then.sum is None else now.sum - then.sum
        return Exponential(count, total, scale, zero_count, now.zero_threshold, positive, negative)

    def explicit(self) -> Explicit:
        """The same with its bounds."""
        fitting = self
        while len(fitting.positive) + len(fitting.negative) > MAX_BUCKETS:
            fitting = fitting.coarser(fitting.scale - 1)
        bounds: list[float] = []
        counts: list[int] = []
        for low, high, count in fitting.ranges():
            if not bounds or low > bounds[-1]:
                bounds.append(low)
                counts.append(0)
            if high > bounds[-1]:
                bounds.append(high)
                counts.append(count)
            else:  # too narrow for doubles, or within the range around 0
                counts[-1] += count
        return Explicit(self.count, self.sum, bounds, [*counts, 0])

    def ranges(self) -> Iterator[tuple[float, float, int]]:
        """Lower bound, upper bound and count of what is not empty, rising."""
        base = 2.0**-self.scale
        edge = self.zero_threshold
        for index in sorted(self.negative, reverse=True):
            if self.negative[index]:
                high = min(-_power((index - 1) * base), -edge)
                yield -_power(index * base), high, self.negative[index]
        if self.zero_count:
            yield min(-edge, -_SMALLEST), edge, self.zero_count
        for index in sorted(self.positive):
            if self.positive[index]:
                low = max(_power((index - 1) * base), edge)
                yield low, _power(index * base), self.positive[index]


def _power(exponent: float) -> float:
    """2 to this, within what a double holds."""
    if exponent >= _MAX_POWER:
        return math.nextafter(math.inf, 0)
    return 2.0**exponent if exponent >= _MIN_POWER else 0.0


def _merged(buckets: Buckets, by: int) -> Buckets:
    found: dict[int, int] = defaultdict(int)
    for index, count in buckets.items():
        found[-(-index >> by)] += count
    return found


def _difference(now: Buckets, then: Buckets) -> Buckets | None:
    """By bucket; None when one has fallen."""
    found = {index: count - then.get(index, 0) for index, count in now.items()}
    if any(count < 0 for count in found.values()) or any(then[i] for i in then if i not in now):
        return None
    return {index: count for index, count in found.items() if count}


def from_offset(offset: int, counts: Sequence[int]) -> Buckets:
    """Buckets of OpenTelemetry: counts from an index on."""
    return {offset + place + 1: count for place, count in enumerate(counts) if count}


def from_spans(spans: Sequence[tuple[int, int]], counts: Sequence[int]) -> Buckets | None:
    """Buckets of Prometheus: (gap to the one before, length) of each span; None if they misfit."""
    if sum(length for _, length in spans) != len(counts):
        return None
    found: dict[int, int] = {}
    index = place = 0
    for gap, length in spans:
        index += gap
        for _ in range(length):
            if counts[place]:
                found[index] = counts[place]
            index += 1
            place += 1
    return found
