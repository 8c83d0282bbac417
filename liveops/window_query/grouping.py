"""Windows of several series as one: by a tag's value. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from liveops.windows.block import COUNT, FIELDS, HIGH, LOW, M2, MEAN, TOTAL, Block
from liveops.windows.buckets import CODE_BITS, Floats, Ints, group_starts, keys_of, unpack
from schema.metrics import POINT_FIELDS

#: A window as JSON, with what it takes to merge it: `histogram` or `sketch`.
WindowJson = dict[str, Any]
#: Metric type, the tag's value and the window's start.
_Group = tuple[str, str, str]
_NOTHING: Ints = np.empty(0, np.int64)
#: Figures of a window in the order of `Block.points`; the rate is given out apart.
_FIGURES = POINT_FIELDS[: POINT_FIELDS.index("rate")]
_STORED = ("count", "sum", "min", "max", "mean", "stddev")


def group_by(windows: Iterable[WindowJson], tag: str, window_s: int) -> list[WindowJson]:
    """Merge the series that share metric type, start and the value of `tag`.

    Open windows without a sketch (of services with thousands of series) are left out.
    """
    members: dict[_Group, list[WindowJson]] = {}
    for window in windows:
        if "histogram" in window or "sketch" in window:
            group = (window["metric_type"], window["tags"].get(tag, ""), window["start"])
            members.setdefault(group, []).append(window)
    if not members:
        return []
    groups = sorted(members)
    ordered = [members[group] for group in groups]
    figures, totals, elapsed_s = _figures(ordered, window_s)
    columns = zip(groups, ordered, figures, totals, elapsed_s, strict=True)
    return [
        _window(mine, {tag: value} if value else {}, numbers)
        | {"rate": total / seconds}
        | _growth(mine, seconds)
        for (_, value, _), mine, numbers, total, seconds in columns
    ]


def _growth(members: Sequence[WindowJson], seconds: float) -> WindowJson:
    """What the counters and deltas among these grew by together; null where there are none."""
    grown = [found for one in members if (found := one.get("increase")) is not None]
    most = sys.float_info.max
    increase = min(max(sum(grown), -most), most) if grown else None
    return {
        "increase": increase,
        "rate_per_s": None if increase is None else increase / seconds,
    }


def _window(
    members: Sequence[WindowJson], tags: dict[str, str], figures: Sequence[float]
) -> WindowJson:
    first = members[0]
    return dict(zip(_FIGURES, figures, strict=False)) | {
        "final": all(window["final"] for window in members),
        "metric_type": first["metric_type"],
        "start": first["start"],
        "end": first["end"],
        "tags": tags,
        "revision": max(window["revision"] for window in members),
    }


def _figures(
    members: list[list[WindowJson]], window_s: int
) -> tuple[list[Any], list[float], list[float]]:
    """Figures, values and seconds of each group: the groups are the series of one block."""
    flat = list(chain.from_iterable(members))
    rows = np.arange(len(members))
    numbers = np.repeat(rows, [len(mine) for mine in members])
    whole = Block(len(members))
    whole.put(rows, _merged_columns(numbers, _columns(flat)), *_buckets(numbers, flat))
    figures, _ = whole.points(rows, 1.0)
    counts, rates = (np.array([window[name] for window in flat]) for name in ("count", "rate"))
    elapsed_s = np.maximum.reduceat(counts / rates, group_starts(numbers))
    total = whole.columns(rows)[COUNT]
    return figures, total.tolist(), np.clip(elapsed_s, 1.0, window_s).tolist()


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
