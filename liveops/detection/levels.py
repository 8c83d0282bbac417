"""Level: how far a value is from where its series has been, of late and for long.

Three levels with memories of 6 hours, 2 and 10 days; the distance counts from the nearest,
or from the season where one is proved. Surprise comes from the series' own distances.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from liveops.detection import season, tails
from liveops.detection.season import Seasons
from liveops.detection.tails import Bools, Floats, Ints, Tails

_DAY_S = 86_400.0
MEMORIES_D = np.array([0.25, 2.0, 10.0])
#: What distances are remembered for.
_DISTANCES_D = 20.0
#: The first levels are the median of what has come until so many values are known.
FIRST = 8
#: One wild value among them is learned as if it were so many median distances away.
_FIRST_SPREADS = 10.0
#: Mean excess over edge of normal noise, for series that are mostly at rest.
_EXCESS_OF_EDGE = 0.19
#: A lone look at n values proves no more than one in n squared, without any scale one in n.
_PROOF = 2.0
#: A recent peak hides what is smaller than this share of it.
_OF_PEAK = 0.2
_PEAK_D = 7.0
_PEAK_EDGES = 10.0
#: What a rank in a short past cannot prove, sheer size can: with the heaviest of tails, and a
#: scale that n values give for so much too small.
_WIDER = 8.0
#: Some thousand deviations.
_MOST_SURPRISE = 1200.0
#: What a season or a level learns of a value: up to so many edges away.
_SEASON_EDGES = 2.5


@dataclass(frozen=True, slots=True)
class Temper:
    """How a level is read.

    `pull`: edges beyond which a distance is learned as if it were there; `floor`: least scale
    as a share of the level; `tail`: shape of the tail, None for what the data say.
    """

    pull: float
    floor: float
    tail: float | None


@dataclass(slots=True)
class Levels:
    """One row a series."""

    step_s: float
    level: Floats
    first: Floats
    count: Ints
    peak: Floats
    past: Tails
    seasons: Seasons

    @classmethod
    def empty(cls, rows: int, step_s: float, most_places: int) -> Levels:
        """Rows that have seen nothing; a season's profile has at most so many places."""
        return cls(
            step_s,
            np.zeros((rows, len(MEMORIES_D))),
            np.zeros((rows, FIRST)),
            np.zeros(rows, np.int64),
            np.zeros(rows),
            Tails.empty(rows),
            Seasons.empty(rows, step_s, most_places),
        )


@dataclass(frozen=True, slots=True)
class Look:
    """One value each of some series, judged; `surprise` is 0 where a recent peak hides it.

    `size` is the surprise of its distance alone, however short the past; `extreme` the same
    with the heaviest of tails.
    """

    value: Floats
    expected: Floats
    distance: Floats
    edge: Floats
    excess: Floats
    shape: Floats
    surprise: Floats
    size: Floats
    extreme: Floats

    def parts(self) -> list[Floats]:
        """All of it, in the order of the fields."""
        return [getattr(self, one.name) for one in fields(self)]


def look(
    levels: Levels, rows: Ints, time_s: Floats, value: Floats, whole: Bools, temper: Temper
) -> Look:
    """Judge without learning; `whole` marks series that had whole numbers only."""
    level = levels.level[rows]
    nearest = np.argmin(np.abs(value[:, None] - level), axis=1)
    seasonal, proved = season.expected(levels.seasons, rows, time_s)
    expected = np.where(proved, seasonal, level[np.arange(len(rows)), nearest])
    fit, count = levels.past.fit[rows], levels.count[rows]
    seen = against(expected, value, fit, count, whole, temper)
    shown = seen.distance >= _OF_PEAK * levels.peak[rows]
    return replace(
        seen,
        surprise=np.where(shown, seen.surprise, 0.0),
        size=np.where(shown, seen.size, 0.0),
        extreme=np.where(shown, seen.extreme, 0.0),
    )


def against(
    expected: Floats, value: Floats, fit: Floats, count: Ints, whole: Bools, temper: Temper
) -> Look:
    """How rare the distances are where `fit` was made from `count` distances before."""
    distance = np.abs(value - expected)
    edge, excess, shape, middle = fit.T
    floor = temper.floor * np.abs(expected)
    floor = np.where(whole, np.maximum(floor, np.sqrt(np.maximum(np.abs(expected), 1.0))), floor)
    least = np.maximum(tails.NORMAL_EDGE * floor, middle)
    edge = np.maximum(edge, least)
    excess = np.maximum(np.maximum(excess, tails.NORMAL_EXCESS * floor), _EXCESS_OF_EDGE * middle)
    if temper.tail is not None:
        shape = np.full_like(shape, temper.tail)
    raw = tails.surprise(distance, edge, excess, shape)
    known = np.log10(count + 1.0)
    raw = np.minimum(raw, np.where(least > 0, _PROOF, 1.0) * known)
    seen = (count >= FIRST) & (distance > 0)
    size = _size(count, distance, edge, excess, shape)
    extreme = _size(count, distance, edge, excess, np.full(len(distance), tails.HEAVIEST))
    raw, size, extreme = (np.where(seen, one, 0.0) for one in (raw, size, extreme))
    return Look(value, expected, distance, edge, excess, shape, raw, size, extreme)


def _size(count: Ints, distance: Floats, edge: Floats, excess: Floats, shape: Floats) -> Floats:
    wider = 1.0 + _WIDER / np.maximum(count, 1)
    found = tails.surprise(distance, wider * edge, wider * excess, shape)
    return np.where(edge > 0, np.minimum(found, _MOST_SURPRISE), 0.0)


def learn(
    levels: Levels,
    rows: Ints,
    time_s: Floats,
    passed_s: Floats,
    seen: Look,
    held: Bools,
    begins: Bools,
    temper: Temper,
) -> None:
    """Take the values in; what is known of `held` series stays as it is.

    But of those whose excursion `begins`, distances belong to their past.
    """
    early = levels.count[rows] < FIRST
    if early.any():
        _begin(levels, rows[early], seen.value[early])
    late = ~early
    if late.any():
        chosen = rows[late]
        part, free = _part(seen, late), ~held[late]
        told = free | begins[late]
        _remember(
            levels,
            chosen[told],
            time_s[late][told],
            passed_s[late][told],
            _part(part, told),
            temper,
        )
        _move(levels, chosen[free], passed_s[late][free], _part(part, free))
    levels.count[rows] += 1


def accept(levels: Levels, rows: Ints, value: Floats) -> None:
    """The shortest memory takes a value for the new level; the longer ones keep the old."""
    levels.level[rows, 0] = value


def _begin(levels: Levels, rows: Ints, value: Floats) -> None:
    count = levels.count[rows]
    levels.first[rows, count] = value
    for known in np.unique(count):
        some = rows[count == known]
        begun = levels.first[some, : known + 1]
        middle = np.median(begun, axis=1)
        levels.level[some] = middle[:, None]
        if known == FIRST - 1:
            levels.seasons.base[some] = middle
            away = np.abs(begun - middle[:, None])
            most = _FIRST_SPREADS * np.median(away, axis=1, keepdims=True)
            for column in np.minimum(away, most).T:
                tails.learn(levels.past, some, column, np.zeros(len(some)), _DISTANCES_D)


def _remember(
    levels: Levels, rows: Ints, time_s: Floats, passed_s: Floats, seen: Look, temper: Temper
) -> None:
    """Distance, peak and season, each pulled in to what is believable."""
    most = np.where(seen.edge > 0, seen.edge, np.inf)
    tails.learn(
        levels.past, rows, np.minimum(seen.distance, temper.pull * most), passed_s, _DISTANCES_D
    )
    peak = levels.peak[rows] * np.exp(-passed_s / (_DAY_S * _PEAK_D))
    levels.peak[rows] = np.maximum(peak, np.minimum(seen.distance, _PEAK_EDGES * most))
    most = _SEASON_EDGES * most
    pulled = np.clip(seen.value, seen.expected - most, seen.expected + most)
    off = np.abs(seen.value[:, None] - levels.level[rows]).min(axis=1)
    season.learn(levels.seasons, rows, time_s, seen.value, pulled, most, off)


def _move(levels: Levels, rows: Ints, passed_s: Floats, seen: Look) -> None:
    level = levels.level[rows]
    most = np.where(seen.edge > 0, seen.edge, np.inf)[:, None]
    away = np.clip(seen.value[:, None] - level, -most, most)
    share = 1.0 - np.exp(-passed_s[:, None] / (_DAY_S * MEMORIES_D))
    share = np.maximum(share, 1.0 / (levels.count[rows, None] + 1.0))
    levels.level[rows] = level + share * away


def _part(seen: Look, chosen: Bools) -> Look:
    return Look(*(part[chosen] for part in seen.parts()))
