"""Samples put in order: each series as one row of a matrix, its past and its incident.

Everything after this works on whole matrices: thousands of series cost no more Python
than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

#: A past longer than this is cut: a week of five-minute windows.
MAX_PAST = 2016
#: Greater values stand for "none" and the like; squares of smaller ones are finite.
_GREATEST = 1e100
#: An incident longer than this is judged by its beginning.
MAX_DURING = 60


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series; `at_s` is the start of its window (epoch seconds)."""

    service_name: str
    metric_type: str
    at_s: float
    value: float


@dataclass(frozen=True, slots=True)
class SeriesTable:
    """Row r is series `names[r]`: values to the left, NaN to the right of them.

    `past` ends before the incident, `during` begins with it; `*_s` are the times, `*_count`
    how many values there are.
    `step_s` is the usual distance of a series' samples (0: unknown).
    """

    names: tuple[tuple[str, str], ...]
    past: Floats
    past_s: Floats
    past_count: Ints
    during: Floats
    during_s: Floats
    during_count: Ints
    step_s: Floats


def _counts(values: Floats) -> Ints:
    found: Ints = np.count_nonzero(~np.isnan(values), axis=1)
    return found


def table(samples: Iterable[Sample], at_s: float) -> SeriesTable:
    """Samples as matrices, rows in the order of their names."""
    kept = list(samples)
    rows: dict[tuple[str, str], int] = {}
    for name in sorted({(s.service_name, s.metric_type) for s in kept}):
        rows[name] = len(rows)
    row = np.fromiter((rows[s.service_name, s.metric_type] for s in kept), np.int64, len(kept))
    time_s = np.fromiter((s.at_s for s in kept), np.float64, len(kept))
    value = np.fromiter((s.value for s in kept), np.float64, len(kept))
    return from_columns(tuple(rows), row, time_s, value, at_s)


def from_columns(
    names: Sequence[tuple[str, str]], row: Ints, time_s: Floats, value: Floats, at_s: float
) -> SeriesTable:
    """Columns of equal length as matrices; `row` points into `names`.

    Values that are no numbers, or so great that they can only stand for one, are gaps.
    """
    real = np.isfinite(time_s) & (np.abs(value) < _GREATEST)
    row, time_s, value = row[real], time_s[real], value[real]
    order = np.lexsort((value, time_s, row))
    row, time_s, value = row[order], time_s[order], value[order]
    before = time_s < at_s
    size = len(names)
    past, past_s = _matrices(size, row[before], time_s[before], value[before], MAX_PAST, last=True)
    during, during_s = _matrices(
        size, row[~before], time_s[~before], value[~before], MAX_DURING, last=False
    )
    return SeriesTable(
        tuple(names), past, past_s, _counts(past), during, during_s, _counts(during),
        _steps(past_s),
    )  # fmt: skip


def _matrices(
    size: int, row: Ints, time_s: Floats, value: Floats, limit: int, *, last: bool
) -> tuple[Floats, Floats]:
    """Values and times of each row, at most `limit` of them: the last or the first ones."""
    counts = np.bincount(row, minlength=size)
    starts = np.cumsum(counts) - counts
    place = np.arange(len(row)) - starts[row]
    if last:
        place = place - np.maximum(counts[row] - limit, 0)
    keep = (place >= 0) & (place < limit)
    width = int(min(limit, counts.max(initial=0)))
    values = np.full((size, width), np.nan)
    times = np.full((size, width), np.nan)
    values[row[keep], place[keep]] = value[keep]
    times[row[keep], place[keep]] = time_s[keep]
    return values, times


def _steps(times: Floats) -> Floats:
    """Median distance of neighbouring times, row by row."""
    if times.shape[1] < 2:
        return np.zeros(len(times))
    found: Floats = np.nan_to_num(quantiles(np.diff(times, axis=1), (0.5,))[0])
    return found


def quantiles(values: Floats, levels: Sequence[float]) -> Floats:
    """Quantiles of each row without its NaN (linear between neighbours); one row a level."""
    ordered = np.sort(values, axis=1)
    counts = np.count_nonzero(~np.isnan(values), axis=1)
    found = np.full((len(levels), len(values)), np.nan)
    some = np.flatnonzero(counts)
    for number, level in enumerate(levels):
        position = (counts[some] - 1) * level
        low = np.floor(position).astype(np.int64)
        high = np.minimum(low + 1, counts[some] - 1)
        share = position - low
        found[number, some] = ordered[some, low] * (1 - share) + ordered[some, high] * share
    return found
