"""How far each series of an incident is from its own past, in robust units.

Median and interquartile range, as BARO (Pham et al., FSE 2024) uses them: neither
is moved by the outliers that an incident's history is full of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

#: The IQR of a normal distribution is this many standard deviations.
_IQR_SIGMAS = 1.349
#: The central 98 % of a normal distribution span this many standard deviations.
_TAIL_SIGMAS = 4.653
#: A change smaller than this share of the usual level is never a big one.
_LEVEL_SHARE = 0.005
#: Fewer values than this are no history.
MIN_HISTORY = 5
#: From this strength on a single value counts as departed from its past.
ONSET_STRENGTH = 3.0
#: Beyond this, further is not worse (and a constant past has no scale).
MAX_STRENGTH = 1000.0
#: A series this regular in the past is missed when it stops.
_REGULAR_SHARE = 0.98
_SILENT_WINDOWS = 2
#: A silence that began longer before the incident is no part of it.
_SILENT_BEFORE = 10


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series; `at_s` is the start of its window (epoch seconds)."""

    service_name: str
    metric_type: str
    at_s: float
    value: float


@dataclass(frozen=True, slots=True)
class Deviation:
    """One (service, metric) in the incident against its history.

    `strength` is the distance from the median in robust standard deviations (≥ 0),
    `rarity` the share of past values at least as far out, `onset_s` when the series
    left its past (None: it did not). `silent` means it stopped reporting; `observed`
    is then its last value, if known. `limit` is the fixed limit that it broke; `expected`
    is None when only that is known.
    """

    service_name: str
    metric_type: str
    expected: float | None
    spread: float
    observed: float | None
    strength: float
    rarity: float
    onset_s: float | None
    history: int
    silent: bool = False
    limit: float | None = None

    @property
    def direction(self) -> int:
        """1 upwards, -1 downwards, 0 where there is none."""
        base = self.expected if self.expected is not None else self.limit
        if self.silent or self.observed is None or base is None:
            return 0
        return (self.observed > base) - (self.observed < base)


def deviations(samples: Iterable[Sample], at_s: float) -> list[Deviation]:
    """Deviation of every series with enough history; samples from `at_s` are the incident."""
    series: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for sample in samples:
        series[sample.service_name, sample.metric_type].append((sample.at_s, sample.value))
    windows = _recent_windows(series.values(), at_s)
    found = (_deviation(name, sorted(points), at_s, windows) for name, points in series.items())
    return sorted(
        (item for item in found if item is not None),
        key=lambda item: (-item.strength, item.service_name, item.metric_type),
    )


def _recent_windows(
    series: Iterable[Sequence[tuple[float, float]]], at_s: float
) -> tuple[list[float], list[float]]:
    """Window starts that any series has: those before the incident, and those in it."""
    starts = sorted({time_s for points in series for time_s, _ in points})
    return [t for t in starts if t < at_s], [t for t in starts if t >= at_s]


def _deviation(
    name: tuple[str, str],
    points: list[tuple[float, float]],
    at_s: float,
    windows: tuple[list[float], list[float]],
) -> Deviation | None:
    past = np.array([value for time_s, value in points if time_s < at_s], dtype=float)
    during = [(time_s, value) for time_s, value in points if time_s >= at_s]
    if len(past) < MIN_HISTORY:
        return None
    low, q1, median, q3, high = np.quantile(past, (0.01, 0.25, 0.5, 0.75, 0.99)).tolist()
    # The tails count too: a quiet series with rare bursts has a narrow middle.
    spread = max(
        (q3 - q1) / _IQR_SIGMAS, (high - low) / _TAIL_SIGMAS, _LEVEL_SHARE * abs(median), 1e-9
    )
    if not during:
        return _silence(name, points, windows, (median, spread, len(past)))
    strengths = [min(abs(value - median) / spread, MAX_STRENGTH) for _, value in during]
    # The middle of the incident's values: one stray value is no departure.
    middle = sorted(range(len(during)), key=strengths.__getitem__)[len(during) // 2]
    observed, strength = during[middle][1], strengths[middle]
    further = int(np.count_nonzero(np.abs(past - median) >= abs(observed - median)))
    onset = next(
        (t for (t, _), s in zip(during, strengths, strict=True) if s >= ONSET_STRENGTH), None
    )
    return Deviation(
        *name, median, spread, observed, strength, (further + 1) / (len(past) + 1), onset, len(past)
    )


def _silence(
    name: tuple[str, str],
    points: list[tuple[float, float]],
    windows: tuple[list[float], list[float]],
    usual: tuple[float, float, int],
) -> Deviation | None:
    """A series that reported regularly and has nothing in the incident."""
    before, during = windows
    first_s, last_s = points[0][0], points[-1][0]
    expected = [time_s for time_s in before if first_s <= time_s <= last_s]
    missed = [time_s for time_s in before if time_s > last_s]
    if len(during) < _SILENT_WINDOWS or len(points) < _REGULAR_SHARE * len(expected):
        return None
    if len(missed) > _SILENT_BEFORE:
        return None
    median, spread, history = usual
    last = points[-1][1]
    strength = 4 * ONSET_STRENGTH
    return Deviation(
        *name,
        median,
        spread,
        last,
        strength,
        1 / (history + 1),
        (missed + during)[0],
        history,
        silent=True,
    )
