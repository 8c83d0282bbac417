"""One forecast of a seasonal series.

Season and trend are told apart by loess (MSTL: Bandara, Hyndman and Bergmeir, "MSTL: a
seasonal-trend decomposition algorithm for time series with multiple seasonal patterns", 2021);
the trend goes on by exponential smoothing (ETS), or by Theta where that finds no model.
"""

from __future__ import annotations

import warnings

import numpy as np

from liveops.detection import forecast
from liveops.detection.forecast import HORIZON, Fit, Forecasts, History
from liveops.detection.tails import Floats

_DAY_S, _WEEK_S = 86_400.0, 604_800.0
#: Seasons that the points must hold, also without those that the fit is tried on.
_SEASONS = 2
#: The newest points, on which a fit without them is tried; at most a third of all.
_TRIED_S = _DAY_S
#: Points without a measured value that are drawn over, as a share of all.
_MOST_GAPS = 0.5
#: Points beyond this share of all are taken for it: an outage is no season.
_BELIEVED = 0.005
#: Errors of a fit told at most.
_MOST_ERRORS = 500


def fit(history: History) -> Fit:
    """Foresee the points after a history, up to two days; ValueError where nothing can be."""
    points = _filled(history.points)
    tried = min(round(_TRIED_S / history.point_s), len(points) // 3)
    seasons = _seasons(history, len(points) - tried)
    if not seasons:
        raise ValueError("the history is too short for its season")
    ahead = min(HORIZON, round(2 * _DAY_S / history.point_s))
    # The last point may be half a point only: it is foreseen too.
    before = _foresee(points[:-tried], seasons, tried)
    errors = _errors(history, before, len(points) - tried)
    last = len(points) - 1
    found = _foresee(points[:-1], seasons, ahead)
    return Fit(history.start_s + last * history.point_s, found, errors)


def _filled(points: Floats) -> Floats:
    """Gaps are drawn over; wild points are pulled in."""
    known = np.isfinite(points)
    if known.sum() < max(2 * _SEASONS, _MOST_GAPS * len(points)):
        raise ValueError("the history has too many gaps")
    at = np.arange(len(points))
    filled = np.interp(at, at[known], points[known])
    low, high = np.quantile(filled, [_BELIEVED, 1 - _BELIEVED])
    if low == high:
        raise ValueError("the history is constant")
    return np.clip(filled, low, high)


def _seasons(history: History, known: int) -> list[int]:
    """Seasons in points: the proved one, and the day within a week."""
    asked = [_DAY_S, _WEEK_S] if history.season_s == _WEEK_S else [history.season_s]
    found = [round(season_s / history.point_s) for season_s in asked]
    return [points for points in found if 1 < points and _SEASONS * points <= known]


def _foresee(points: Floats, seasons: list[int], ahead: int) -> Floats:
    # Imported here: it takes seconds and only this process needs it.
    from statsforecast.models import MSTL, AutoETS, AutoTheta

    y = points.astype(np.float64)
    for trend in (AutoETS(model="ZZN"), AutoTheta(season_length=1)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = MSTL(seasons, trend_forecaster=trend).forecast(y=y, h=ahead)["mean"]
            except (ValueError, ArithmeticError, np.linalg.LinAlgError):
                continue
        if np.isfinite(found).all():
            return np.asarray(found, dtype=np.float64)
    raise ValueError("no model gives a finite forecast")


def _errors(history: History, foreseen: Floats, first: int) -> Floats:
    """How far the windows that were not seen are from what was foreseen of them."""
    trial = Forecasts.empty(1, history.step_s)
    start_s = history.start_s + first * history.point_s
    forecast.accept(trial, 0, start_s, Fit(start_s, foreseen, np.zeros(0)))
    middle_s = history.time_s + 0.5 * history.step_s
    rows = np.zeros(len(middle_s), dtype=np.int64)
    off = np.abs(history.value - forecast.expected(trial, rows, middle_s))
    off = off[(history.time_s >= start_s) & np.isfinite(off)]
    return off[:: 1 + len(off) // _MOST_ERRORS]
