"""Shape novelty: how far the last windows are from anything the series has done before.

The distance of the last L values to the nearest of the thousands of runs of L before that do
not overlap them, as in work on discords (Keogh, Lin and Fu, "HOT SAX", ICDM 2005), for several
L; each is made a surprise by its own past, and the mean of those counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liveops.detection import tails
from liveops.detection.tails import Floats, Ints, Tails

Singles = NDArray[np.float32]

LENGTHS = (4, 6, 8, 12)
#: Runs looked at.
RUNS = 4000
#: So many times its length must be known before a run is compared: then the runs before it
#: are more than those that one wild value spoils.
_ENOUGH = 3
_LONGEST = max(LENGTHS)
_KEPT = RUNS + 2 * _LONGEST
#: Room behind the kept values, so that they are moved seldom.
_ROOM = 256
_DISTANCES_D = 20.0
#: Distances known before one is judged.
_LEARNING = 60
#: Windows of a series from which runs of all lengths are judged.
JUDGED_FROM = _ENOUGH * _LONGEST + _LEARNING
#: Distances after which a far one is pulled in, and to how many edges.
_BELIEVED, _PULL = 8, 10.0
_EXCESS_OF_EDGE = 0.19
_PROOF = 2.0


@dataclass(slots=True)
class Shapes:
    """One row a series: its last values end at column `used`, as distances from `base`."""

    values: Singles
    base: Floats
    used: Ints
    past: list[Tails]

    @classmethod
    def empty(cls, rows: int) -> Shapes:
        """Rows that have seen nothing."""
        return cls(
            np.zeros((rows, _KEPT + _ROOM), np.float32),
            np.zeros(rows),
            np.zeros(rows, np.int64),
            [Tails.empty(rows) for _ in LENGTHS],
        )


def judge(shapes: Shapes, rows: Ints, value: Floats, passed_s: Floats) -> Floats:
    """Surprise of the run that ends with each value; the values are learned."""
    distances = np.full((len(LENGTHS), len(rows)), np.nan)
    for place, (row, newest) in enumerate(zip(rows.tolist(), value.tolist(), strict=True)):
        distances[:, place] = nearest(remember(shapes, row, newest))
    total = np.zeros(len(rows))
    for distance, past in zip(distances, shapes.past, strict=True):
        ready = ~np.isnan(distance)
        if ready.any():
            total[ready] += _surprise(past, rows[ready], distance[ready], passed_s[ready])
    return np.asarray(total / len(LENGTHS), dtype=np.float64)


def remember(shapes: Shapes, row: int, value: float) -> Singles:
    """The values that may be looked at, the newest last, all less the same."""
    line, used = shapes.values[row], int(shapes.used[row])
    if used == 0:
        shapes.base[row] = value
    if used == len(line):
        line[:_KEPT] = line[used - _KEPT :].copy()
        used = _KEPT
    line[used] = value - shapes.base[row]
    used += 1
    shapes.used[row] = used
    looked_at: Singles = line[max(0, used - _KEPT) : used]
    # A base among the values keeps single precision good, whatever the first value was.
    if used in (_ENOUGH * LENGTHS[0], _KEPT + 1):
        middle = np.median(looked_at)
        line[:used] -= middle
        shapes.base[row] += float(middle)
    return looked_at


def nearest(past: Singles) -> list[float]:
    """Distance to the nearest earlier run of each length, nan while there are too few."""
    count = len(past)
    found = [np.nan] * len(LENGTHS)
    if count < _ENOUGH * LENGTHS[0]:
        return found
    first = max(0, count - LENGTHS[-1] - RUNS)
    begin = max(0, first - _LONGEST)
    centred = past[begin:] - past[-1]
    largest = float(np.abs(centred).max())
    if largest == 0.0:
        return [0.0 if count >= _ENOUGH * length else np.nan for length in LENGTHS]
    near = centred / np.float32(largest)
    first, count = first - begin, count - begin
    # Element j of `sum_` belongs to the run that ends at first + j.
    last = count - LENGTHS[0]
    sum_ = np.zeros(last - first, dtype=np.float32)
    part = np.empty_like(sum_)
    for back in range(_LONGEST):
        skipped = max(0, back - first)
        if skipped >= len(sum_):
            break
        off = part[skipped:]
        np.subtract(near[first + skipped - back : last - back], near[-1 - back], out=off)
        np.multiply(off, off, out=off)
        kept = sum_[skipped:]
        np.add(kept, off, out=kept)
        length = back + 1
        if length in LENGTHS and len(past) >= _ENOUGH * length:
            earliest = max(length - 1, count - length - RUNS) - first
            least = sum_[earliest : count - length - first].min()
            found[LENGTHS.index(length)] = largest * float(least) ** 0.5
    return found


def _surprise(past: Tails, rows: Ints, distance: Floats, passed_s: Floats) -> Floats:
    edge, excess, shape, middle = past.fit[rows].T
    edge, excess = np.maximum(edge, middle), np.maximum(excess, _EXCESS_OF_EDGE * middle)
    count = past.count[rows]
    found = tails.surprise(distance, edge, excess, shape)
    found = np.minimum(found, _PROOF * np.log10(count + 1.0))
    believed = (count >= _BELIEVED) & (edge > 0)
    pulled = np.where(believed, np.minimum(distance, _PULL * edge), distance)
    tails.learn(past, rows, pulled, passed_s, _DISTANCES_D)
    return np.where((count >= _LEARNING) & (distance > 0), found, 0.0)
