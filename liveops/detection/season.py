"""Seasons: what a series did at this time of the hour, day or week, where that proves better.

Each candidate period has a profile of at most 288 places. A profile counts once its errors
of late are under four fifths of those of the levels; the best of those that count speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from liveops.detection.tails import Bools, Floats, Ints

#: Candidates: a quarter of an hour to a week, what clocks and calendars give.
PERIODS_S = np.array([900.0, 3600.0, 21_600.0, 86_400.0, 604_800.0])
_MOST_PLACES = 288
#: Visits before a place of a profile says something.
_VISITS = 2.0
_BETTER = 0.8
#: Weight of a new visit once a place is known: some four periods are remembered.
_NEW = 0.25
_ERRORS_KEPT = 0.995


@dataclass(slots=True)
class Seasons:
    """Profiles and errors, one row a series; the last column of `errors` is the levels'."""

    step_s: float
    profile: Floats
    visits: Floats
    errors: Floats
    judged: Floats

    @classmethod
    def empty(cls, rows: int, step_s: float) -> Seasons:
        """Rows that have seen nothing."""
        shape = (rows, len(PERIODS_S), _MOST_PLACES)
        errors = (rows, len(PERIODS_S) + 1)
        return cls(step_s, np.zeros(shape), np.zeros(shape), np.zeros(errors), np.zeros(errors))


@lru_cache
def _places(step_s: float) -> Ints:
    """Places of each profile; a period with less than two is no candidate."""
    whole = np.minimum(_MOST_PLACES, np.round(PERIODS_S / step_s))
    return np.asarray(whole, dtype=np.int64)


def _place(time_s: Floats, step_s: float) -> Ints:
    phase = np.mod(time_s[:, None], PERIODS_S) / PERIODS_S
    place = np.minimum(phase * _places(step_s), _MOST_PLACES - 1)
    return np.asarray(place, dtype=np.int64)


def expected(seasons: Seasons, rows: Ints, time_s: Floats) -> tuple[Floats, Bools]:
    """What the best proved season expects, and where there is one."""
    place = _place(time_s, seasons.step_s)
    periods = np.arange(len(PERIODS_S))
    visits = seasons.visits[rows[:, None], periods, place]
    judged = seasons.judged[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(judged > 0, seasons.errors[rows] / judged, np.inf)
    known = (visits >= _VISITS) & (_places(seasons.step_s) >= 2) & (judged[:, :-1] > 0)
    usable = known & (error[:, :-1] < _BETTER * error[:, -1:])
    best = np.argmin(np.where(usable, error[:, :-1], np.inf), axis=1)
    at = np.arange(len(rows))
    return seasons.profile[rows, best, place[at, best]], usable[at, best]


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
    place = _place(time_s, seasons.step_s)
    places = _places(seasons.step_s)
    at = (rows[:, None], np.arange(len(PERIODS_S)), place)
    profile, visits = seasons.profile[at], seasons.visits[at]
    error = np.minimum(np.abs(value[:, None] - profile), most_error[:, None])
    told = np.column_stack((visits >= _VISITS, np.ones(len(rows), dtype=bool)))
    errors = np.column_stack((error, np.minimum(level_error, most_error)))
    kept = np.where(told, _ERRORS_KEPT, 1.0)
    seasons.errors[rows] = seasons.errors[rows] * kept + np.where(told, errors, 0.0)
    seasons.judged[rows] = seasons.judged[rows] * kept + told
    # Several rows of one period may fall into a place; together they are one visit.
    weight = 1.0 / np.maximum(1.0, PERIODS_S / seasons.step_s / np.maximum(places, 1))
    share = np.maximum(weight / (visits + weight), _NEW * weight)
    seasons.visits[at] = visits + weight
    seasons.profile[at] = profile + share * (pulled[:, None] - profile)
