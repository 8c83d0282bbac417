"""Running summary of the values of one series in one window.

Mean and variance by Welford's update and Chan, Golub and LeVeque's merge ("Updating
Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979, eq. 2.1).
"""

from __future__ import annotations

import math
import sys
from typing import Any

from liveops.windows.sketch import Sketch
from schema.metrics import Aggregate

_QUANTILES = (0.5, 0.95, 0.99)


class Summary:
    """Count, sum, extremes, mean, squared deviations and sketch.

    `append_s` is the broker time of the newest record in it (epoch seconds).
    """

    __slots__ = ("append_s", "count", "high", "low", "m2", "mean", "sketch", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.low = math.inf
        self.high = -math.inf
        self.mean = 0.0
        self.m2 = 0.0
        self.append_s = 0.0
        self.sketch = Sketch()

    def add(self, value: float, append_s: float) -> None:
        """Take in one finite value."""
        self.count += 1
        self.total += value
        if value < self.low:
            self.low = value
        if value > self.high:
            self.high = value
        delta = value - self.mean
        self.mean += delta / self.count
        self.m2 += delta * (value - self.mean)
        if append_s > self.append_s:
            self.append_s = append_s
        self.sketch.add(value)

    def merge(self, other: Summary) -> None:
        """Take in all values of `other`."""
        if not other.count:
            return
        count = self.count + other.count
        delta = other.mean - self.mean
        self.mean += delta * other.count / count
        self.m2 += other.m2 + delta * delta * self.count * other.count / count
        self.count = count
        self.total += other.total
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        self.append_s = max(self.append_s, other.append_s)
        self.sketch.merge(other.sketch)

    def as_state(self) -> list[Any]:
        """Plain form for the table; exact."""
        numbers = [self.count, self.total, self.low, self.high, self.mean, self.m2, self.append_s]
        return [*numbers, self.sketch.as_json()]

    @classmethod
    def from_state(cls, plain: list[Any]) -> Summary:
        """Inverse of `as_state`."""
        summary = cls()
        summary.count, summary.total, summary.low, summary.high = plain[:4]
        summary.mean, summary.m2, summary.append_s = plain[4:7]
        summary.sketch = Sketch.from_json(plain[7])
        return summary


def aggregate(
    summary: Summary,
    *,
    service: str,
    metric_type: str,
    tags: dict[str, str],
    window: str,
    start_s: int,
    size_s: int,
    elapsed_s: float,
    final: bool,
    revision: int,
    backfill: bool = False,
) -> Aggregate:
    """The public aggregate of a non-empty summary; `elapsed_s` divides the rate."""
    p50, p95, p99 = summary.sketch.quantiles(_QUANTILES, summary.low, summary.high)
    return Aggregate(
        service_name=service,
        metric_type=metric_type,
        tags=tags,
        window=window,
        start_s=start_s,
        end_s=start_s + size_s,
        count=summary.count,
        sum=finite(summary.total),
        min=summary.low,
        max=summary.high,
        mean=finite(summary.mean),
        stddev=finite(math.sqrt(max(0.0, summary.m2) / summary.count)),
        p50=p50,
        p95=p95,
        p99=p99,
        rate=summary.count / max(1.0, min(elapsed_s, size_s)),
        final=final,
        revision=revision,
        histogram=summary.sketch.as_json(),
        backfill=backfill,
        broker_time_s=summary.append_s,
    )


def finite(value: float) -> float:
    """The value, or the largest float where arithmetic overflowed (JSON has no infinity)."""
    if math.isfinite(value):
        return value
    return math.copysign(sys.float_info.max, value)
