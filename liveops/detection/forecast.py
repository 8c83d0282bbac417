"""A window against what was predicted for it; who predicts is not known here."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass

from liveops.detection import zscore
from liveops.detection.state import Baseline, Bound, Verdict
from schema.metrics import Aggregate

#: Closed windows before the first fit, between two fits, and predicted ahead.
FIRST_FIT = 20
REFIT_EVERY = 5
HORIZON = 15
_HISTORY = 120


@dataclass(frozen=True, slots=True)
class FitRequest:
    """A series to fit: values of consecutive windows, the newest starting at `last_s`."""

    service: str
    series: str
    baseline: str
    last_s: int
    step_s: int
    values: tuple[float, ...]


def judge(
    baseline: Baseline, item: Aggregate, field: str, sensitivity: float | None
) -> Verdict | None:
    """The verdict, or None where nothing is predicted or an open window cannot tell."""
    now = zscore.normal(baseline)
    bound = _predicted(baseline.forecast, item.start_s)
    if now is None or bound is None:
        return None
    if not item.final and (field not in zscore.STEADY_FIELDS or item.count < min(3, now.count)):
        return None
    # A model that fits its own history too well is not trusted below the usual residual.
    scale = math.hypot(max(bound.sigma, now.scale), zscore.sampling_noise(item, now, field))
    value = float(getattr(item, field))
    wanted = sensitivity or zscore.DEFAULT_SENSITIVITY
    return zscore.bounded(value, bound.expected, scale, wanted, field, now.p90_distance)


def fit_due(baseline: Baseline) -> bool:
    """Whether enough closed windows have come since the last fit."""
    points = baseline.points
    if len(points) < FIRST_FIT:
        return False
    return sum(1 for p in points[-REFIT_EVERY:] if p.start_s > baseline.fitted_s) >= REFIT_EVERY


def fit_request(
    service: str, series: str, name: str, baseline: Baseline, step_s: int
) -> FitRequest:
    """History for a fit; gaps hold the last value."""
    points = baseline.points[-_HISTORY:]
    last_s = points[-1].start_s
    values: list[float] = []
    for before, after in zip(points, [*points[1:], None], strict=True):
        steps = 1 if after is None else min((after.start_s - before.start_s) // step_s, _HISTORY)
        values += [before.learned] * max(steps, 1)
    return FitRequest(service, series, name, last_s, step_s, tuple(values[-_HISTORY:]))


def accept(baseline: Baseline, request: FitRequest, predicted: list[tuple[float, float]]) -> None:
    """Keep a prediction: (expected, sigma) of the windows after the request's last."""
    baseline.fitted_s = request.last_s
    kept = [b for b in baseline.forecast[-1:] if b.start_s <= request.last_s]
    baseline.forecast = kept + [
        Bound(request.last_s + (ahead + 1) * request.step_s, expected, sigma)
        for ahead, (expected, sigma) in enumerate(predicted)
    ]


def _predicted(forecast: list[Bound], start_s: int) -> Bound | None:
    place = bisect_left(forecast, start_s, key=lambda bound: bound.start_s)
    if place < len(forecast) and forecast[place].start_s == start_s:
        return forecast[place]
    return None
