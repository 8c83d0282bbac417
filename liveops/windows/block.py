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

#: Rows of the table; `APPEND_S` is the broker time of the newest record in it.
COUNT, TOTAL, LOW, HIGH, MEAN, M2, APPEND_S = range(7)
FIELDS = 7
_FRACTIONS = np.array([0.5, 0.95, 0.99])
#: What is given out of a series: the first five, deviation, quantiles and rate.
_FIGURES = M2 + 1 + len(_FRACTIONS) + 1
_EMPTY = np.empty(0, np.int64)


class Block:
    """Columns over series numbers 0, 1, …; a series without values has count 0."""

    __slots__ = ("_counts", "_keys", "_staged", "_table", "changed", "dirty", "revisions")

    def __init__(self, series: int = 0) -> None:
        self._table = _new_table(max(4, series))
        self._keys = self._counts = _EMPTY
        self._staged: list[tuple[Ints, Ints]] = []
        #: Series changed since the last emission, and since the last checkpoint.
        self.changed: set[int] = set()
        self.dirty: set[int] = set()
        #: Corrections sent of the windows that start here, by (size in s, series).
        self.revisions: dict[tuple[int, int], int] = {}

    def add(self, series: Ints, values: Floats, append_s: Floats) -> list[int]:
        """Take in finite values; the three columns are of one length, in any order.

        Returns the series that are in them.
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
            part[MEAN] = part[TOTAL] / counts
            deviation = kept - np.repeat(part[MEAN], counts)
            part[M2] = np.add.reduceat(deviation * deviation, starts)
        part[APPEND_S] = np.maximum.reduceat(append_s[order], starts)
        self._merge(rows, part)
        keys = (series << CODE_BITS) | codes_of(values)
        self._staged.append((keys, np.ones(len(keys), np.int64)))
        numbers: list[int] = rows.tolist()
        self.changed.update(numbers)
        self.dirty.update(numbers)
        return numbers

    def merge(self, other: Block, series: Ints | None = None) -> None:
        """Take in all values of `other`, or of some of its series."""
        rows = other.series() if series is None else series
        if not len(rows):
            return
        self._merge(rows, other._table[:, rows])
        keys, counts = other.buckets()
        if series is not None:
            is_wanted = np.zeros(other._table.shape[1], bool)
            is_wanted[rows] = True
            wanted = is_wanted[keys >> CODE_BITS]
            keys, counts = keys[wanted], counts[wanted]
        self._staged.append((keys, counts))

    def put(self, rows: Ints, part: Floats, keys: Ints, counts: Ints) -> None:
        """Take in stored summaries: columns of `part` are the series in `rows`."""
        self._merge(rows, part)
        self._staged.append((keys, counts))

    def _merge(self, rows: Ints, part: Floats) -> None:
        self._reserve(int(rows.max()) + 1)
        mine = self._table[:, rows]
        count = mine[COUNT] + part[COUNT]
        with np.errstate(over="ignore", invalid="ignore"):
            delta = part[MEAN] - mine[MEAN]
            share = part[COUNT] / count
            mine[M2] += part[M2] + delta * delta * mine[COUNT] * share
            mine[MEAN] = np.where(mine[COUNT] == 0, part[MEAN], mine[MEAN] + delta * share)
            mine[TOTAL] += part[TOTAL]
        mine[COUNT] = count
        np.minimum(mine[LOW], part[LOW], out=mine[LOW])
        np.maximum(mine[HIGH], part[HIGH], out=mine[HIGH])
        np.maximum(mine[APPEND_S], part[APPEND_S], out=mine[APPEND_S])
        self._table[:, rows] = mine

    def _reserve(self, series: int) -> None:
        size = self._table.shape[1]
        if series > size:
            grown = _new_table(max(series, 2 * size))
            grown[:, :size] = self._table
            self._table = grown

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
        return np.asarray(self._table[:, series])

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
        part = self._table[:, series]
        tails = quantiles(*self.buckets(), series, part[COUNT], _FRACTIONS)
        tails = np.minimum(np.maximum(tails, part[LOW]), part[HIGH])
        with np.errstate(over="ignore", invalid="ignore"):
            deviation = np.sqrt(np.maximum(part[M2], 0.0) / part[COUNT])
        rows = np.empty((_FIGURES, len(series)))
        rows[:M2], rows[M2], rows[M2 + 1 : -1] = part[:M2], deviation, tails
        rows[-1] = part[COUNT] / seconds
        if not np.isfinite(rows).all():
            rows = _finite(rows)
        counts = part[COUNT].astype(np.int64).tolist()
        figures = list(zip(counts, *rows[TOTAL:].tolist(), strict=True))
        return figures, part[APPEND_S].tolist()


def _new_table(series: int) -> Floats:
    table = np.zeros((FIELDS, series))
    table[LOW] = np.inf
    table[HIGH] = -np.inf
    return table


def _finite(numbers: Floats) -> Floats:
    """JSON has no infinity: the largest finite number stands for what overflowed."""
    most = sys.float_info.max
    return np.nan_to_num(numbers, nan=most, posinf=most, neginf=-most)
