"""Running summaries of the series of one service in one window, in columns. Pure.

Mean and variance by the pairwise merge of Chan, Golub and LeVeque ("Updating Formulae and
a Pairwise Algorithm for Computing Sample Variances", 1979, eq. 2.1).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from liveops.windows.buckets import (
    CODE_BITS,
    Floats,
    Ints,
    argsort_small,
    codes_of,
    group_starts,
    merge_keys,
    quantiles,
)
from liveops.windows.once import OnceTimes
from liveops.windows.samples import Samples

#: Rows of the table; `APPEND_S` is the broker time of the newest record in it.
COUNT, TOTAL, LOW, HIGH, MEAN, M2, APPEND_S = range(7)
FIELDS = 7
#: Rows of the marks.
CHANGED, UNSTORED = range(2)
_FRACTIONS = np.array([0.5, 0.95, 0.99])
#: What is given out of a series: the first five, deviation, quantiles and rate.
_FIGURES = M2 + 1 + len(_FRACTIONS) + 1
_EMPTY = np.empty(0, np.int64)


class Block:
    """Columns over series numbers 0, 1, …; a series without values has count 0."""

    __slots__ = ("_counts", "_keys", "_marks", "_staged", "_table", "once", "revisions", "samples")

    def __init__(self, series: int = 0) -> None:
        self._table = _new_table(max(4, series))
        #: Whether a series changed since the last emission, and since the last checkpoint.
        self._marks = np.zeros((2, self._table.shape[1]), bool)
        self._keys = self._counts = _EMPTY
        self._staged: list[tuple[Ints, Ints]] = []
        #: Corrections sent of the windows that start here, by (size in s, series).
        self.revisions: dict[tuple[int, int], int] = {}
        #: Of a minute: samples of counters, and times of samples that count once.
        self.samples: Samples | None = None
        self.once: OnceTimes | None = None

    def add(self, series: Ints, values: Floats, append_s: Floats) -> Ints:
        """Take in finite values; the three columns are of one length, in any order.

        Returns the series that are in them, ascending.
        """
        order = argsort_small(series)
        ordered, kept = series[order], values[order]
        starts = group_starts(ordered)
        rows = ordered[starts]
        part = np.empty((FIELDS, len(rows)))
        with np.errstate(over="ignore", invalid="ignore"):
            counts = np.empty(len(starts), np.int64)
            np.subtract(starts[1:], starts[:-1], out=counts[:-1])
            counts[-1:] = len(ordered) - starts[-1:]
            part[COUNT] = counts
            part[TOTAL] = np.add.reduceat(kept, starts)
            part[LOW] = np.minimum.reduceat(kept, starts)
            part[HIGH] = np.maximum.reduceat(kept, starts)
            part[MEAN] = _means(kept, starts, part[TOTAL], counts)
            deviation = kept - np.repeat(part[MEAN], counts)
            part[M2] = np.add.reduceat(deviation * deviation, starts)
        part[APPEND_S] = np.maximum.reduceat(append_s[order], starts)
        self._merge(rows, part)
        keys = (series << CODE_BITS) | codes_of(values)
        self._staged.append((keys, np.ones(len(keys), np.int64)))
        self._marks[:, _place(rows)] = True
        return rows

    def merge(self, other: Block, series: Ints | None = None) -> None:
        """Take in all values of `other`, or of some of its series."""
        rows = other.series() if series is None else series
        if not len(rows):
            return
        self._merge(rows, other._table[:, _place(rows)])
        keys, counts = other.buckets()
        if series is not None:
            is_wanted = np.zeros(other._table.shape[1], bool)
            is_wanted[rows] = True
            wanted = is_wanted[keys >> CODE_BITS]
            keys, counts = keys[wanted], counts[wanted]
        self._staged.append((keys, counts))

    def counter_samples(self) -> Samples:
        """The samples of counters, none yet at first use."""
        if self.samples is None:
            self.samples = Samples()
        return self.samples

    def once_times(self) -> OnceTimes:
        """The times of samples that count once, none yet at first use."""
        if self.once is None:
            self.once = OnceTimes()
        return self.once

    def put(self, rows: Ints, part: Floats, keys: Ints, counts: Ints) -> None:
        """Take in stored summaries: columns of `part` are the series in `rows`."""
        self._merge(rows, part)
        self._staged.append((keys, counts))

    def take(self, rows: Ints, part: Floats, keys: Ints, counts: Ints) -> None:
        """Take in summaries of values that are new."""
        self.put(rows, part, keys, counts)
        self._marks[:, _place(rows)] = True

    def _merge(self, rows: Ints, part: Floats) -> None:
        self._reserve(int(rows[-1]) + 1)
        place = _place(rows)
        mine = self._table[:, place]
        count = mine[COUNT] + part[COUNT]
        empty = mine[COUNT] == 0
        with np.errstate(over="ignore", invalid="ignore"):
            delta = part[MEAN] - mine[MEAN]
            share = part[COUNT] / count
            between = delta * delta * mine[COUNT] * share
            between[empty] = 0.0  # a mean that nothing is compared with may be huge
            mine[M2] += part[M2] + between
            means = mine[MEAN] + delta * share
            if not np.isfinite(delta).all():
                means = mine[MEAN] * (1 - share) + part[MEAN] * share
            mine[MEAN] = np.where(empty, part[MEAN], means)
            mine[TOTAL] += part[TOTAL]
        mine[COUNT] = count
        np.minimum(mine[LOW], part[LOW], out=mine[LOW])
        np.maximum(mine[HIGH], part[HIGH], out=mine[HIGH])
        np.maximum(mine[APPEND_S], part[APPEND_S], out=mine[APPEND_S])
        self._table[:, place] = mine

    def _reserve(self, series: int) -> None:
        size = self._table.shape[1]
        if series > size:
            grown = _new_table(max(series, 2 * size))
            grown[:, :size] = self._table
            self._table = grown
            marks = np.zeros((2, grown.shape[1]), bool)
            marks[:, :size] = self._marks
            self._marks = marks

    def changed(self) -> int:
        """How many series changed since `take_changed`."""
        return int(np.count_nonzero(self._marks[CHANGED]))

    def mark_changed(self, series: Ints) -> None:
        """What is given out of these series is no longer right."""
        self._marks[CHANGED, series] = True

    def take_changed(self) -> Ints:
        """Series changed since the last call, ascending."""
        found: Ints = self._marks[CHANGED].nonzero()[0]
        self._marks[CHANGED] = False
        return found

    def unstored(self) -> Ints:
        """Series to store, ascending."""
        found: Ints = self._marks[UNSTORED].nonzero()[0]
        return found

    def touch(self, series: int) -> None:
        """Store this series with the next checkpoint, also if it has no values here."""
        self._reserve(series + 1)
        self._marks[UNSTORED, series] = True

    def stored(self) -> None:
        """All that changed is stored."""
        self._marks[UNSTORED] = False

    def series(self) -> Ints:
        """Numbers of the series with values, ascending."""
        found: Ints = self._table[COUNT].nonzero()[0]
        return found

    def those_of(self, series: Ints) -> Ints:
        """Of these numbers those of series with values."""
        known = series[series < self._table.shape[1]]
        found: Ints = known[self._table[COUNT, known] > 0]
        return found

    def columns(self, series: Ints) -> Floats:
        """The summaries of some series, one column each."""
        return np.asarray(self._table[:, _place(series)])

    def buckets(self) -> tuple[Ints, Ints]:
        """Sorted keys of all series with their counts."""
        if self._staged:
            self._keys, self._counts = merge_keys([(self._keys, self._counts), *self._staged])
            self._staged = []
        return self._keys, self._counts

    def points(self, series: Ints, seconds: float) -> tuple[list[Any], list[float]]:
        """Figures of some series, as of `schema.windows`, and their broker times.

        Each must have values; the rate is of `seconds`. Numbers that overflowed are the
        largest finite ones.
        """
        part = self._table[:, _place(series)]
        tails = quantiles(*self.buckets(), series, part[COUNT], _FRACTIONS)
        tails = np.minimum(np.maximum(tails, part[LOW]), part[HIGH])
        with np.errstate(over="ignore", invalid="ignore"):
            deviation = np.sqrt(np.maximum(part[M2], 0.0) / part[COUNT])
            if not np.isfinite(deviation).all():  # no deviation is more than half the range
                np.minimum(deviation, part[HIGH] / 2 - part[LOW] / 2, out=deviation)
        rows = np.empty((_FIGURES, len(series)))
        rows[:M2], rows[M2], rows[M2 + 1 : -1] = part[:M2], deviation, tails
        rows[-1] = part[COUNT] / seconds
        if not np.isfinite(rows).all():
            rows = _finite(rows)
        counts = part[COUNT].astype(np.int64).tolist()
        figures = list(zip(counts, *rows[TOTAL:].tolist(), strict=True))
        return figures, part[APPEND_S].tolist()


def _means(ordered: Floats, starts: Ints, totals: Floats, counts: Ints) -> Floats:
    """The mean of each run; a sum beyond the doubles does not spoil it."""
    if np.isfinite(totals).all():
        return np.asarray(totals / counts)
    return np.add.reduceat(ordered / np.repeat(counts, counts), starts)


def _place(rows: Ints) -> Ints | slice:
    """Ascending numbers as an index: without gaps a slice, which needs no copy."""
    if not len(rows) or int(rows[-1]) - int(rows[0]) >= len(rows):
        return rows
    return slice(int(rows[0]), int(rows[-1]) + 1)


def _new_table(series: int) -> Floats:
    table = np.zeros((FIELDS, series))
    table[LOW] = np.inf
    table[HIGH] = -np.inf
    return table


def _finite(numbers: Floats) -> Floats:
    """JSON has no infinity: the largest finite number stands for what overflowed."""
    most = sys.float_info.max
    return np.nan_to_num(numbers, nan=most, posinf=most, neginf=-most)
