"""Figures of windows that become one. Pure."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from liveops.windows.block import COUNT, FIELDS, HIGH, LOW, M2, MEAN, TOTAL, Block
from liveops.windows.buckets import (
    CODE_BITS,
    Floats,
    Ints,
    group_starts,
    keys_of,
    packs,
    unpack,
)
from schema.metrics import POINT_FIELDS

#: A window as JSON, with what it takes to merge it: `histogram` or `sketch`.
WindowJson = dict[str, Any]
_NOTHING: Ints = np.empty(0, np.int64)
#: Figures of a window in the order of `Block.points`; the rate is given out apart.
FIGURES = POINT_FIELDS[: POINT_FIELDS.index("rate")]
_MOST_PACKED = (1 << 32) - 1
_STORED = ("count", "sum", "min", "max", "mean", "stddev")


class Merged(NamedTuple):
    """For each group its figures in the order of FIGURES and its buckets, packed if wanted."""

    figures: list[Any]
    sketches: list[str]


def is_mergeable(window: WindowJson) -> bool:
    """Whether its values are known well enough; not of open windows without a sketch."""
    return "histogram" in window or "sketch" in window


def merge(groups: list[list[WindowJson]], *, sketches: bool = False) -> Merged:
    """Merge the windows of each group; there is at least one in each."""
    flat = list(chain.from_iterable(groups))
    rows = np.arange(len(groups))
    numbers = np.repeat(rows, [len(mine) for mine in groups])
    whole = Block(len(groups))
    whole.put(rows, _merged_columns(numbers, _columns(flat)), *_buckets(numbers, flat))
    figures, _ = whole.points(rows, 1.0)
    return Merged(figures, packs(*_packable(*whole.buckets()), rows) if sketches else [])


def _packable(keys: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """The same buckets, those with more values than a packed count holds in several parts."""
    parts = (counts - 1) // _MOST_PACKED + 1
    if not (parts > 1).any():
        return keys, counts
    split = np.full(int(parts.sum()), _MOST_PACKED, np.int64)
    split[parts.cumsum() - 1] = counts - (parts - 1) * _MOST_PACKED
    return keys.repeat(parts), split


def growth(members: Sequence[WindowJson], seconds: float) -> WindowJson:
    """What the counters and deltas among these grew by together; null where there are none."""
    grown = [found for one in members if (found := one.get("increase")) is not None]
    most = sys.float_info.max
    increase = min(max(sum(grown), -most), most) if grown else None
    return {
        "increase": increase,
        "rate_per_s": None if increase is None else increase / seconds,
    }


def _columns(windows: list[WindowJson]) -> Floats:
    """The windows as columns of a block's table."""
    count, total, low, high, mean, stddev = (
        np.array([window[name] for window in windows], np.float64) for name in _STORED
    )
    part = np.zeros((FIELDS, len(windows)))
    part[COUNT], part[TOTAL], part[LOW], part[HIGH], part[MEAN] = count, total, low, high, mean
    with np.errstate(over="ignore"):
        part[M2] = stddev**2 * count
    return part


def _merged_columns(numbers: Ints, part: Floats) -> Floats:
    """One column a group, by merging neighbours of a group until each has but one.

    `numbers` are the groups of the columns, ascending.
    """
    starts = group_starts(numbers)
    while len(starts) < len(numbers):
        sizes = np.diff(starts, append=len(numbers))
        is_second = (np.arange(len(numbers)) - np.repeat(starts, sizes)) % 2 == 1
        pairs = np.cumsum(~is_second) - 1
        block = Block(int(pairs[-1]) + 1)
        block.put(pairs[~is_second], part[:, ~is_second], _NOTHING, _NOTHING)
        block.put(pairs[is_second], part[:, is_second], _NOTHING, _NOTHING)
        numbers, part = numbers[~is_second], block.columns(pairs[~is_second])
        starts = group_starts(numbers)
    return part


def _buckets(numbers: Ints, windows: list[WindowJson]) -> tuple[Ints, Ints]:
    """Keys and counts of all windows; `numbers` are their groups."""
    parts: list[tuple[Ints, Ints]] = []
    plain: list[dict[str, Any]] = []
    numbers_of_plain: list[int] = []
    for number, window in zip(numbers.tolist(), windows, strict=True):
        if "sketch" in window:
            parts.append(unpack(window["sketch"], number))
        else:
            plain.append(window["histogram"])
            numbers_of_plain.append(number)
    parts += _of_histograms(np.array(numbers_of_plain, np.int64), plain)
    keys, counts = zip(*parts, strict=True)
    return np.concatenate(keys), np.concatenate(counts)


def _of_histograms(numbers: Ints, plain: list[dict[str, Any]]) -> list[tuple[Ints, Ints]]:
    """The buckets of many histograms, each side of zero as if it were of one."""
    parts: list[tuple[Ints, Ints]] = []
    for side in ("p", "n"):
        lists = [histogram[side] for histogram in plain]
        pairs = np.fromiter(chain.from_iterable(lists), np.int64)
        codes, counts = keys_of({"p": [], "n": [], "z": 0, side: pairs}, 0)
        sizes = np.fromiter(map(len, lists), np.int64, len(lists)) // 2
        owners = np.repeat(numbers, sizes)
        if side == "n":  # `keys_of` gives them from the lowest value up
            owners = owners[::-1]
        parts.append(((owners << CODE_BITS) | codes, counts))
    zeros = np.array([histogram["z"] for histogram in plain], np.int64)
    code, _ = keys_of({"p": [], "n": [], "z": 1}, 0)
    has_zeros = zeros > 0
    parts.append(((numbers[has_zeros] << CODE_BITS) | code, zeros[has_zeros]))
    return parts
