"""A mergeable quantile sketch with bounded relative error.

DDSketch with a sparse logarithmic mapping: Masson, Rim and Lee, "DDSketch: A Fast and
Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", PVLDB 12(12), 2019,
section 2. Merging adds integer counts, so the result does not depend on the order.
"""

from __future__ import annotations

import math
from typing import Any

RELATIVE_ERROR = 0.01
_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)
#: Middle of bucket i relative to its upper bound γ^i.
_MIDDLE = 2 / (1 + _GAMMA)


class Sketch:
    """Bucket counts of positive and negative values and the count of zeros."""

    __slots__ = ("negative", "positive", "zero")

    def __init__(self) -> None:
        self.positive: dict[int, int] = {}
        self.negative: dict[int, int] = {}
        self.zero = 0

    def add(self, value: float) -> None:
        """Count one finite value."""
        if value == 0.0:
            self.zero += 1
            return
        side = self.positive if value > 0 else self.negative
        index = math.ceil(math.log(abs(value)) / _LOG_GAMMA)
        side[index] = side.get(index, 0) + 1

    def merge(self, other: Sketch) -> None:
        """Add the counts of `other`."""
        self.zero += other.zero
        for mine, theirs in (
            (self.positive, other.positive),
            (self.negative, other.negative),
        ):
            for index, count in theirs.items():
                mine[index] = mine.get(index, 0) + count

    def quantiles(self, fractions: tuple[float, ...], low: float, high: float) -> list[float]:
        """For each ascending fraction q the smallest value with rank ≥ q·n, within 1 %.

        `low` and `high` are the exact extremes; 0.0 for an empty sketch.
        """
        total = self.zero + sum(self.positive.values()) + sum(self.negative.values())
        if not total:
            return [0.0 for _ in fractions]
        ranks = [max(1, math.ceil(q * total)) for q in fractions]
        found: list[float] = []
        seen = 0
        for value, count in self._ascending():
            seen += count
            while len(found) < len(ranks) and seen >= ranks[len(found)]:
                found.append(min(max(value, low), high))
        return found

    def _ascending(self) -> list[tuple[float, int]]:
        steps = [(-_value(i), self.negative[i]) for i in sorted(self.negative, reverse=True)]
        if self.zero:
            steps.append((0.0, self.zero))
        steps += [(_value(i), self.positive[i]) for i in sorted(self.positive)]
        return steps

    def as_json(self) -> dict[str, Any]:
        """Plain form: `p` and `n` as [index, count, index, count, ...] ascending, `z` zeros."""
        return {"p": _flat(self.positive), "n": _flat(self.negative), "z": self.zero}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Sketch:
        """Inverse of `as_json`."""
        sketch = cls()
        sketch.positive = dict(zip(plain["p"][::2], plain["p"][1::2], strict=True))
        sketch.negative = dict(zip(plain["n"][::2], plain["n"][1::2], strict=True))
        sketch.zero = plain["z"]
        return sketch


def _value(index: int) -> float:
    try:
        return float(_GAMMA**index) * _MIDDLE
    except OverflowError:
        return math.inf


def _flat(buckets: dict[int, int]) -> list[int]:
    return [number for index in sorted(buckets) for number in (index, buckets[index])]
