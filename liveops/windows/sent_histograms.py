"""Histograms of senders as summaries of a window: each bucket stands for its middle. Pure."""

from __future__ import annotations

import numpy as np

from liveops.windows.block import APPEND_S as APPEND
from liveops.windows.block import COUNT, FIELDS, HIGH, LOW, M2, MEAN, TOTAL
from liveops.windows.buckets import CODE_BITS, Floats, Ints, codes_of
from schema.kinds import Histogram

#: Series (one), a column of a block's table, keys of buckets with their counts.
Summary = tuple[Ints, Floats, Ints, Ints]


def summaries(numbers: Ints, append_s: Floats, histograms: dict[int, Histogram]) -> list[Summary]:
    """Each histogram that holds values; `numbers` are the series of the rows."""
    return [
        _summary(int(numbers[row]), float(append_s[row]), found)
        for row, found in histograms.items()
        if found.count
    ]


def _summary(number: int, append_s: float, found: Histogram) -> Summary:
    counts = np.array(found.counts, np.int64)
    low, middle, high = _edges(np.array(found.bounds, np.float64))
    filled = counts.nonzero()[0]
    counts, middle = counts[filled], middle[filled]
    part = np.empty((FIELDS, 1))
    part[COUNT], part[TOTAL], part[APPEND] = found.count, found.sum, append_s
    part[LOW], part[HIGH] = low[filled[0]], high[filled[-1]]
    part[MEAN] = mean = found.mean
    with np.errstate(over="ignore"):
        part[M2] = (counts * (middle - mean) ** 2).sum()
    keys = (number << CODE_BITS) | codes_of(middle)
    return np.array([number]), part, keys, counts


def _edges(bounds: Floats) -> tuple[Floats, Floats, Floats]:
    """Lower edge, middle and upper edge of each bucket; the outermost end at their bound.

    Below a first bound that is above 0 there is nothing under 0. Without bounds all is 0.
    """
    if not len(bounds):
        return np.zeros(1), np.zeros(1), np.zeros(1)
    lowest = min(0.0, float(bounds[0]))
    low = np.concatenate([[lowest], bounds])
    high = np.append(bounds, bounds[-1])
    return low, low / 2 + high / 2, high
