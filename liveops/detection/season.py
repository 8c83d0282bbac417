"""Seasons: what a series did at this time of the hour, day or week, where that proves better.

Each candidate period has a profile of some hundred places at most. A profile counts once its errors
of late are under four fifths of those of the levels; the best of those that count speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from liveops.detection.tails import Bools, Floats, Ints

#: Candidates: a quarter of an hour to a week, what clocks and calendars give.
PERIODS_S = np.array([900.0, 3600.0, 21_600.0, 86_400.0, 604_800.0])
#: Windows counted at a place; more make no difference.
_MOST_VISITS = 65_534
#: Visits before a place of a profile says something.
_VISITS = 2.0
_BETTER = 0.8
#: Weight of a new visit once a place is known: some four periods are remembered.
_NEW = 0.25
_ERRORS_KEPT = 0.995


@dataclass(slots=True)
class Seasons:
    """Profiles and errors, one row a series; the last column of `errors` is the levels'.

    The profiles of all periods lie behind each other, as distances from `base`; `visits`
    counts the windows that fell into each of their places.
    """

    step_s: float
    most_places: int
    base: Floats
    profile: NDArray[np.float32]
    visits: NDArray[np.uint16]
    errors: Floats
    judged: Floats

    @classmethod
    def empty(cls, rows: int, step_s: float, most_places: int) -> Seasons:
        """Rows that have seen nothing; a profile has at most so many places."""
        places = _layout(step_s, most_places).end
        errors = (rows, len(PERIODS_S) + 1)
        return cls(
            step_s,
            most_places,
            np.zeros(rows),
            np.zeros((rows, places), np.float32),
            np.zeros((rows, places), np.uint16),
            np.zeros(errors),
            np.zeros(errors),
        )


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the profiles lie: places of each, the first of each, all, and windows a visit."""

    places: Ints
    first: Ints
    end: int
    windows: Floats


@lru_cache
def _layout(step_s: float, most_places: int) -> _Layout:
    """Each period has a place at least; one with less than two is no candidate."""
    whole = np.minimum(most_places, np.round(PERIODS_S / step_s)).astype(np.int64)
    places = np.maximum(whole, 1)
    first = np.cumsum(places) - places
    windows = np.maximum(1.0, PERIODS_S / step_s / places)
    return _Layout(whole, first, int(places.sum()), windows)


def _place(layout: _Layout, time_s: Floats) -> Ints:
    phase = np.mod(time_s[:, None], PERIODS_S) / PERIODS_S
    place = np.minimum(phase * layout.places, layout.places - 1)
    return np.asarray(layout.first + np.maximum(place, 0).astype(np.int64), dtype=np.int64)


def expected(seasons: Seasons, rows: Ints, time_s: Floats) -> tuple[Floats, Bools]:
    """What the best proved season expects, and where there is one."""
    layout = _layout(seasons.step_s, seasons.most_places)
    place = _place(layout, time_s)
    visited = seasons.visits[rows[:, None], place] >= _VISITS * layout.windows
    judged = seasons.judged[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(judged > 0, seasons.errors[rows] / judged, np.inf)
    known = visited & (layout.places >= 2) & (judged[:, :-1] > 0)
    usable = known & (error[:, :-1] < _BETTER * error[:, -1:])
    best = np.argmin(np.where(usable, error[:, :-1], np.inf), axis=1)
    at = np.arange(len(rows))
    return seasons.base[rows] + seasons.profile[rows, place[at, best]], usable[at, best]


def proved(seasons: Seasons, rows: Ints) -> Floats:
    """The period whose profile is best, where one is proved; 0 elsewhere."""
    layout = _layout(seasons.step_s, seasons.most_places)
    judged = seasons.judged[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(judged > 0, seasons.errors[rows] / judged, np.inf)
    usable = (layout.places >= 2) & (error[:, :-1] < _BETTER * error[:, -1:])
    best = np.argmin(np.where(usable, error[:, :-1], np.inf), axis=1)
    return np.where(usable.any(axis=1), PERIODS_S[best], 0.0)


def learn(
    seasons: Seasons,
    rows: Ints,
    time_s: Floats,
    value: Floats,
    pulled: Floats,
    most_error: Floats,
    level_error: Floats,
) -> None:
    """Take in a value (`pulled` in to what was believable) and the levels' error on it."""
    layout = _layout(seasons.step_s, seasons.most_places)
    at = (rows[:, None], _place(layout, time_s))
    profile, visits = seasons.profile[at].astype(np.float64), seasons.visits[at]
    off = (value - seasons.base[rows])[:, None]
    error = np.minimum(np.abs(off - profile), most_error[:, None])
    visited = visits >= _VISITS * layout.windows
    told = np.column_stack((visited, np.ones(len(rows), dtype=bool)))
    errors = np.column_stack((error, np.minimum(level_error, most_error)))
    kept = np.where(told, _ERRORS_KEPT, 1.0)
    seasons.errors[rows] = seasons.errors[rows] * kept + np.where(told, errors, 0.0)
    seasons.judged[rows] = seasons.judged[rows] * kept + told
    # Several windows of one period may fall into a place; together they are one visit.
    share = np.maximum(1.0 / (visits + 1.0), _NEW / layout.windows)
    seasons.visits[at] = np.minimum(visits, _MOST_VISITS) + 1
    off = (pulled - seasons.base[rows])[:, None]
    seasons.profile[at] = profile + share * (off - profile)
