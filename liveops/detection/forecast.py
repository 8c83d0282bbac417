"""A window against what was foreseen for its series; who foresees is not known here. Pure.

How rare a distance from the forecast is follows from how far off the series' forecasts were
before: at first those of the fit for windows it had not seen, then those of every window
(split conformal prediction: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random
World", 2005, chapter 4; with the fitted tail of `tails` beyond the upper 5 %). Where nothing
is foreseen the level speaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liveops.detection import levels, tails
from liveops.detection.levels import Look, Temper
from liveops.detection.tails import Bools, Floats, Ints, Tails

#: Points foreseen at most, and their distance unless windows are longer.
HORIZON = 192
_POINT_S = 900.0
#: A forecast is made anew after this.
REFIT_S = 6 * 3600.0
#: A season is worth a forecast if it has so many points.
_POINTS_OF_SEASON = 4
_NEVER_S = -1e18
_DISTANCES_D = 20.0


@dataclass(frozen=True, slots=True)
class History:
    """What a fit needs of a series: its newest windows and its points, the oldest first.

    Point k is the mean of what windows in [`start_s` + k·`point_s`, …) had, NaN without any.
    """

    point_s: float
    start_s: float
    points: Floats
    time_s: Floats
    value: Floats
    step_s: float
    season_s: float


@dataclass(frozen=True, slots=True)
class Fit:
    """Points foreseen from `start_s` on, and how far off unseen windows were."""

    start_s: float
    points: Floats
    errors: Floats


@dataclass(slots=True)
class Forecasts:
    """One row a series; points lie `point_s` apart, as distances from `base`."""

    point_s: float
    tried_s: Floats
    start_s: Floats
    base: Floats
    points: NDArray[np.float32]
    past: Tails

    @classmethod
    def empty(cls, rows: int, step_s: float) -> Forecasts:
        """Rows of which nothing is foreseen."""
        return cls(
            point_s_of(step_s),
            np.full(rows, _NEVER_S),
            np.full(rows, _NEVER_S),
            np.zeros(rows),
            np.full((rows, HORIZON), np.nan, np.float32),
            Tails.empty(rows),
        )


def point_s_of(step_s: float) -> float:
    """Distance of the points of series with windows of this length."""
    return max(_POINT_S, step_s)


def points_of(windows: Iterable[tuple[float, float]], point_s: float) -> list[tuple[int, float]]:
    """Place and mean of windows (start, value), in the order of time."""
    sums: dict[int, tuple[float, int]] = {}
    for start_s, value in windows:
        total, count = sums.get(place := int(start_s // point_s), (0.0, 0))
        sums[place] = total + value, count + 1
    return [(place, total / count) for place, (total, count) in sorted(sums.items())]


def history(
    points: Sequence[tuple[int, float]],
    windows: Sequence[tuple[float, float]],
    step_s: float,
    season_s: float,
) -> History:
    """Of points (place, mean) and the newest windows (start, value), both in order of time."""
    place, mean = np.array(points, np.float64).reshape(-1, 2).T
    time_s, value = np.array(windows, np.float64).reshape(-1, 2).T
    at = place.astype(np.int64)
    first = int(at[0]) if len(at) else 0
    line = np.full(int(at[-1]) - first + 1 if len(at) else 0, np.nan)
    line[at - first] = mean
    point_s = point_s_of(step_s)
    return History(point_s, first * point_s, line, time_s, value, step_s, season_s)


def due(forecasts: Forecasts, rows: Ints, newest_s: Floats, season_s: Floats) -> Ints:
    """Which of `rows` have a season and no new forecast, the oldest fit first."""
    wanted = season_s >= _POINTS_OF_SEASON * forecasts.point_s
    wanted &= newest_s - forecasts.tried_s[rows] >= REFIT_S
    chosen = rows[wanted]
    return chosen[np.argsort(forecasts.tried_s[chosen], kind="stable")]


def accept(forecasts: Forecasts, row: int, newest_s: float, fit: Fit | None) -> None:
    """Keep what was foreseen of a row from its windows up to `newest_s`; None: nothing was."""
    forecasts.tried_s[row] = newest_s
    if fit is None:
        return
    points = np.full(HORIZON, np.nan)
    points[: len(fit.points)] = fit.points[:HORIZON]
    forecasts.start_s[row], forecasts.base[row] = fit.start_s, fit.points[0]
    forecasts.points[row] = points - fit.points[0]
    if forecasts.past.count[row] == 0:
        only = np.array([row], np.int64)
        for error in fit.errors:
            tails.learn(forecasts.past, only, np.array([error]), np.zeros(1), _DISTANCES_D)


def expected(forecasts: Forecasts, rows: Ints, middle_s: Floats) -> Floats:
    """What is foreseen for these times, between two points on the line; NaN where nothing is."""
    place = (middle_s - forecasts.start_s[rows]) / forecasts.point_s - 0.5
    inside = (place > -1.0) & (place <= HORIZON - 1)
    place = np.where(inside, np.maximum(place, 0.0), 0.0)
    left = np.minimum(place.astype(np.int64), HORIZON - 2)
    low, high = forecasts.points[rows, left], forecasts.points[rows, left + 1]
    share = place - left
    # At a point itself its neighbour does not matter, which may be past the horizon.
    line = np.where(share == 0.0, low, low + share * (high - low))
    return np.where(inside, forecasts.base[rows] + line, np.nan)


def look(
    forecasts: Forecasts, rows: Ints, middle_s: Floats, seen: Look, whole: Bools, temper: Temper
) -> Look:
    """Judge without learning; where nothing is foreseen it stays what the level had `seen`."""
    foreseen = expected(forecasts, rows, middle_s)
    known = np.isfinite(foreseen)
    if not known.any():
        return seen
    fit, count = forecasts.past.fit[rows], forecasts.past.count[rows]
    told = levels.against(np.where(known, foreseen, 0.0), seen.value, fit, count, whole, temper)
    return Look(*(np.where(known, a, b) for a, b in zip(told.parts(), seen.parts(), strict=True)))


def learn(
    forecasts: Forecasts, rows: Ints, middle_s: Floats, passed_s: Floats, value: Floats, pull: float
) -> None:
    """Remember how far off the forecasts of these windows were, pulled in to what is likely."""
    foreseen = expected(forecasts, rows, middle_s)
    known = np.isfinite(foreseen)
    chosen = rows[known]
    edge = forecasts.past.fit[chosen, 0]
    most = np.where(edge > 0, pull * edge, np.inf)
    distance = np.minimum(np.abs(value - foreseen)[known], most)
    tails.learn(forecasts.past, chosen, distance, passed_s[known], _DISTANCES_D)
