"""Surprise: how rare a distance is in its series' own past, as −log10 of a tail probability.

The past is a histogram of distances with bins an eighth of an octave wide, one row a series,
over the 40 octaves below the largest; old entries lose weight. Beyond the upper 5 % a
generalised Pareto tail is fitted by moments (Hosking and Wallis, "Parameter and quantile
estimation for the generalized Pareto distribution", Technometrics 29, 1987): exponential for
noise, heavier where the past is.
So 2 means one in a hundred whatever the unit, and 6 one in a million.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_PER_OCTAVE = 8
BINS = 320
#: Bins kept free above the largest distance when a row makes room for it.
_ROOM = 16
#: Share of the past that the fitted tail stands for.
TAIL = 0.05
AT_TAIL = -float(np.log10(TAIL))
#: Heaviest tail taken from data; at 0.5 the variance it is fitted from would not exist.
HEAVIEST = 0.45
#: So many exceedances weigh as much as the belief that the tail is exponential.
_EXPONENTIAL_PRIOR = 10.0
#: Past this count the fit is renewed at every eighth look only.
_OFTEN_UNTIL, _EVERY = 64, 8
_RENEW_WEIGHT = 1e12
_LN10 = float(np.log(10.0))
#: Edge and mean excess of normal noise, in deviations.
NORMAL_EDGE, NORMAL_EXCESS = 1.96, 0.37
_DAY_S = 86_400.0
#: Of rows that have seen no distance but 0: below any.
_NO_TOP = -(1 << 32)

#: Middle of each bin, in units of the first's lower end, from the largest to 0, where equal
#: values lie.
_VALUES = np.append(2.0 ** ((0.5 - np.arange(BINS - 1)) / _PER_OCTAVE), 0)


@dataclass(slots=True)
class Tails:
    """One row a series; `fit` holds edge, mean excess, shape and middle of what was not 0.

    `top` is the place of a row's first bin, in eighths of an octave above 1.
    """

    weights: NDArray[np.float32]
    top: Ints
    weight: Floats
    count: Ints
    fit: Floats

    @classmethod
    def empty(cls, rows: int) -> Tails:
        """Rows that have seen nothing."""
        return cls(
            np.zeros((rows, BINS), np.float32),
            np.full(rows, _NO_TOP),
            np.ones(rows),
            np.zeros(rows, np.int64),
            np.zeros((rows, 4)),
        )


def learn(tails: Tails, rows: Ints, distance: Floats, passed_s: Floats, memory_d: float) -> None:
    """Add a distance to each of `rows`; what is `memory_d` days old weighs a third."""
    weight = tails.weight[rows] * np.exp(passed_s / (_DAY_S * memory_d))
    heavy = weight > _RENEW_WEIGHT
    if heavy.any():
        tails.weights[rows[heavy]] /= weight[heavy, None]
        weight[heavy] = 1.0
    tails.weight[rows] = weight
    tails.weights[rows, _bins(tails, rows, distance)] += weight
    tails.count[rows] += 1
    count = tails.count[rows]
    due = rows[(count < _OFTEN_UNTIL) | (count % _EVERY == 0)]
    if len(due):
        tails.fit[due] = _fit(tails.weights[due].astype(np.float64), tails.weight[due])
        tails.fit[due[:, None], [0, 1, 3]] *= 2.0 ** (tails.top[due, None] / _PER_OCTAVE)


def surprise(distance: Floats, edge: Floats, excess: Floats, shape: Floats) -> Floats:
    """−log10 of the chance of a distance, half the edge's at half the edge."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inside = np.where(edge > 0, 0.5 * AT_TAIL * distance / edge, 0.0)
        beyond = np.where(excess > 0, (distance - edge) / excess, np.inf)
        heavy = np.maximum(shape, 1e-9)
        bent = np.log10(1.0 + heavy * beyond / (1.0 - heavy)) / heavy
    outside = AT_TAIL + np.where(shape > 0.01, bent, beyond / _LN10)
    return np.where(distance <= edge, inside, outside)


def of_deviations(deviations: float) -> float:
    """How surprising a distance of so many deviations of normal noise is, with its fitted tail."""
    edge, excess, light = np.array([NORMAL_EDGE]), np.array([NORMAL_EXCESS]), np.zeros(1)
    return float(surprise(np.array([deviations]), edge, excess, light)[0])


def reach(level: Floats, edge: Floats, excess: Floats, shape: Floats) -> Floats:
    """The distance whose surprise is `level`, at least the edge."""
    over = np.maximum(level - AT_TAIL, 0.0)
    heavy = np.maximum(shape, 1e-9)
    bent = (10.0 ** (heavy * over) - 1.0) * (1.0 - heavy) / heavy
    return edge + excess * np.where(shape > 0.01, bent, over * _LN10)


def _bins(tails: Tails, rows: Ints, distance: Floats) -> Ints:
    """Index into a row of weights, the largest distances first; room is made for larger ones."""
    moved = distance > 0
    with np.errstate(divide="ignore"):
        place = np.floor(np.log2(distance) * _PER_OCTAVE)
    place = np.where(moved, place, 0.0).astype(np.int64)
    for at in np.flatnonzero(moved & (place > tails.top[rows])):
        _make_room(tails, int(rows[at]), int(place[at]) + _ROOM)
    bins = np.minimum(tails.top[rows] - place, BINS - 2)
    return np.asarray(np.where(moved, bins, BINS - 1), dtype=np.int64)


def _make_room(tails: Tails, row: int, top: int) -> None:
    """Move a row's bins down; what falls out below stays in the lowest."""
    line = tails.weights[row, : BINS - 1]
    by = min(top - int(tails.top[row]), BINS - 1)
    lost = line[BINS - 1 - by :].sum()
    line[by:] = line[: BINS - 1 - by].copy()
    line[:by] = 0.0
    line[-1] += lost
    tails.top[row] = top


def _fit(weights: Floats, newest: Floats) -> Floats:
    """Edge, mean excess, shape and middle; `newest` is what an entry weighs now."""
    at = np.arange(len(weights))
    above = np.cumsum(weights, axis=1)
    total = above[:, -1]
    edge_at = np.argmax(above >= (TAIL * total)[:, None], axis=1)
    edge = _VALUES[edge_at]
    first = np.cumsum(weights * _VALUES, axis=1)[at, edge_at] - weights[at, edge_at] * edge
    second = np.cumsum(weights * _VALUES**2, axis=1)[at, edge_at] - weights[at, edge_at] * edge**2
    inside = above[at, edge_at] - weights[at, edge_at]
    share = np.maximum(inside, TAIL * total)
    excess = np.maximum(first - edge * inside, 0.0) / share
    square = np.maximum(second - 2 * edge * first + edge**2 * inside, 0.0) / share
    spread = square - excess**2
    with np.errstate(divide="ignore", invalid="ignore"):
        shape = np.where(spread > 0, 0.5 * (1.0 - excess**2 / spread), 0.0)
    seen = share / newest
    shape = np.clip(shape * seen / (seen + _EXPONENTIAL_PRIOR), 0.0, HEAVIEST)
    moved = above[:, -2]
    middle_at = np.argmax(above >= (0.5 * moved)[:, None], axis=1)
    middle = np.where(moved > 0, _VALUES[middle_at], 0.0)
    return np.column_stack((edge, excess, shape, middle))
