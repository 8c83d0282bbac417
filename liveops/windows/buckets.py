"""Quantiles with bounded relative error, for many series at once. Pure.

DDSketch with a sparse logarithmic mapping: Masson, Rim and Lee, "DDSketch: A Fast and
Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", PVLDB 12(12), 2019,
section 2. Merging adds integer counts, so the result does not depend on the order.

A value's bucket is a `code` that rises with the value. A `key` is a series number above
its code; sorted keys with their counts hold the buckets of all series of a window.
"""

from __future__ import annotations

import math
from base64 import b64decode
from binascii import b2a_base64
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RELATIVE_ERROR = 0.01
_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)
#: Middle of bucket i relative to its upper bound γ^i.
_MIDDLE = 2 / (1 + _GAMMA)
#: Bits of a key below the series number.
CODE_BITS = 18
_CODE_MASK = (1 << CODE_BITS) - 1
_ZERO = 1 << (CODE_BITS - 1)
#: Makes bucket indexes of all finite doubles positive (they lie within ±37,300).
_SHIFT = 40_000


def argsort_small(numbers: Ints) -> Ints:
    """Stable order of numbers that are mostly small: 16-bit ones sort in linear time."""
    if len(numbers) and numbers.max() < 1 << 16:
        return numbers.astype(np.uint16).argsort(kind="stable")
    return numbers.argsort(kind="stable")


def group_starts(ordered: Ints) -> Ints:
    """Where each run of equal numbers begins; twice as fast as `np.diff` on short ones."""
    first = np.empty(len(ordered), bool)
    first[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return first.nonzero()[0]


def distinct(numbers: Ints) -> list[int]:
    """The different numbers, ascending; mostly there is only one."""
    if (numbers == numbers[0]).all():
        return [int(numbers[0])]
    return sorted({*numbers.tolist()})


def codes_of(values: Floats) -> Ints:
    """Bucket codes of finite values, of the same length."""
    size = np.abs(values)
    with np.errstate(divide="ignore"):
        index = np.ceil(np.log(size) / _LOG_GAMMA)
    index[size == 0] = -_SHIFT
    codes: Ints = (_ZERO + np.sign(values) * (index + _SHIFT)).astype(np.int64)
    return codes


def merge_keys(parts: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    """One sorted list of keys with their counts from several lists in any order."""
    keys = np.concatenate([part[0] for part in parts])
    counts = np.concatenate([part[1] for part in parts])
    if not len(keys):
        return keys, counts
    order = keys.argsort()
    keys = keys[order]
    starts = group_starts(keys)
    return keys[starts], np.add.reduceat(counts[order], starts)


def quantiles(keys: Ints, counts: Ints, series: Ints, totals: Floats, fractions: Floats) -> Floats:
    """For each fraction q (rows) and series (columns) the value with rank ≥ q·n, within 1 %.

    `series` are the numbers of series with values, `totals` how many each has.
    """
    cumulated = counts.cumsum()
    first = keys.searchsorted(series << CODE_BITS)
    before = np.where(first > 0, cumulated[np.maximum(first - 1, 0)], 0)
    ranks = np.maximum(1, np.ceil(fractions[:, None] * totals)).astype(np.int64)
    return _values(keys[cumulated.searchsorted(before + ranks)] & _CODE_MASK)


def _values(codes: Ints) -> Floats:
    """The representative value of each code: the middle of its bucket."""
    distance = codes - _ZERO
    with np.errstate(over="ignore"):
        size = np.power(_GAMMA, (np.abs(distance) - _SHIFT).astype(np.float64)) * _MIDDLE
    size[distance == 0] = 0.0
    return np.asarray(np.sign(distance) * size)


def packs(keys: Ints, counts: Ints, series: Ints) -> list[str]:
    """The buckets of some series as text, pairs of code and count; cheaper than `histograms`."""
    keys, counts, edges = _of_series(keys, counts, series)
    pairs = np.empty((len(keys), 2), "<u4")
    pairs[:, 0], pairs[:, 1] = keys & _CODE_MASK, counts
    packed, size = pairs.tobytes(), 8
    return [
        b2a_base64(packed[low * size : high * size], newline=False).decode()
        for low, high in edges.tolist()
    ]


def unpack(text: str, series: int) -> tuple[Ints, Ints]:
    """Inverse of `packs` for one text, as keys of the series with this number."""
    pairs = np.frombuffer(b64decode(text), "<u4").astype(np.int64).reshape(-1, 2)
    return (series << CODE_BITS) | pairs[:, 0], pairs[:, 1]


def histograms(keys: Ints, counts: Ints, series: Ints) -> list[dict[str, Any]]:
    """Plain form of each series: `p` and `n` as [index, count, ...] ascending, `z` zeros."""
    keys, counts, edges = _of_series(keys, counts, series)
    distance = (keys & _CODE_MASK) - _ZERO
    pairs = np.empty((len(keys), 2), np.int64)
    pairs[:, 0], pairs[:, 1] = np.abs(distance) - _SHIFT, counts
    upward: list[int] = pairs.ravel().tolist()
    downward: list[int] = pairs[::-1].ravel().tolist()
    below = _sums_before(distance < 0)
    zeros = _sums_before(np.where(distance == 0, counts, 0))
    lows, highs = edges[:, 0], edges[:, 1]
    middles = lows + below[highs] - below[lows]
    positives = middles + (zeros[highs] > zeros[lows])
    columns = (lows, middles, positives, highs, zeros[highs] - zeros[lows])
    last = len(keys)
    return [
        {
            "p": upward[2 * positive : 2 * high],
            "n": downward[2 * (last - middle) : 2 * (last - low)],
            "z": zero,
        }
        for low, middle, positive, high, zero in np.array(columns).T.tolist()
    ]


def _sums_before(numbers: npt.NDArray[Any]) -> Ints:
    """For each position, and the end, the sum of what is before it."""
    sums = np.zeros(len(numbers) + 1, np.int64)
    numbers.cumsum(out=sums[1:])
    return sums


def _of_series(keys: Ints, counts: Ints, series: Ints) -> tuple[Ints, Ints, Ints]:
    """The keys from the first series to the last, and from where to where each one's lie."""
    bounds = np.empty((len(series), 2), np.int64)
    bounds[:, 0], bounds[:, 1] = series, series + 1
    edges = keys.searchsorted(bounds << CODE_BITS)
    first, last = int(edges.min(initial=len(keys))), int(edges.max(initial=0))
    return keys[first:last], counts[first:last], edges - first


def keys_of(plain: dict[str, Any], series: int) -> tuple[Ints, Ints]:
    """Inverse of one of `histograms`, as keys of the series with this number."""
    positive = np.array(plain["p"], np.int64).reshape(-1, 2)
    negative = np.array(plain["n"], np.int64).reshape(-1, 2)[::-1]
    zeros = [plain["z"]] if plain["z"] else []
    codes = np.concatenate(
        [
            _ZERO - (negative[:, 0] + _SHIFT),
            np.full(len(zeros), _ZERO, np.int64),
            _ZERO + (positive[:, 0] + _SHIFT),
        ]
    )
    counts = np.concatenate([negative[:, 1], np.array(zeros, np.int64), positive[:, 1]])
    return (series << CODE_BITS) | codes, counts
