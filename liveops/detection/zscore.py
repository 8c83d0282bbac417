"""Robust z-score: a window against the recent closed windows of its series.

Level: median of the last 30 believable values. Scale: the larger of the median and the
90 % quantile of the absolute one-step residuals, each scaled to a normal distribution's
deviation (Rousseeuw and Croux, "Alternatives to the Median Absolute Deviation", JASA 88,
1993, for the constant). Residuals against the level *before* a value make trend and
season part of the scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

from scipy.special import ndtri

from liveops.detection.state import Baseline, BaselineWindow, Verdict
from schema.metrics import Aggregate

DEFAULT_SENSITIVITY = 6.0
LEARNING_WINDOWS = 10
_KEEP = 120
_LEVEL_WINDOWS = 30
_FIRST_RESIDUAL = 3
#: Of normal noise: one over the median of its absolute value, and what one in ten exceeds.
_NORMAL_MEDIAN = 1.0 / float(ndtri(0.75))
_NORMAL_Q90 = float(ndtri(0.95))
#: A value further away than this many scales is learned as if it were this far.
_WINSOR_LIMIT = 3.0
#: Least scale, relative to the level and to the mean magnitude.
_FLOOR_OF_LEVEL = 0.02
_FLOOR_OF_MAGNITUDE = 0.01
_TINY = 1e-9
#: No alarm below this deviation relative to the level, whatever the score.
LEAST_DEVIATION = 0.25
#: An excursion ends inside this share of the bounds.
HYSTERESIS = 0.7
_BEYOND_P90 = 1.1
_LEAST_SAMPLES = 3
#: Share of the window's own standard error that counts; see `sampling_noise`.
_WEIGHT_OF_OWN = 1 / 3
_MOST_SCORE = 1000.0
#: Fields whose open value estimates the closed one.
STEADY_FIELDS = frozenset({"mean", "p50"})


@dataclass(frozen=True, slots=True)
class Normal:
    """Summary of a baseline: `spread` and `count` are those of a usual closed window.

    `p90_distance` is a distance from the level that one window in ten exceeds, believable or not.
    """

    level: float
    scale: float
    p90_distance: float
    spread: float
    count: float
    windows: int


def normal(baseline: Baseline) -> Normal | None:
    """What is usual now, None before the first residuals exist."""
    points = baseline.points
    residuals = sorted(abs(p.residual) for p in points if p.residual is not None)
    if not residuals:
        return None
    level = median([p.learned for p in points[-_LEVEL_WINDOWS:]])
    recent = points[-_LEVEL_WINDOWS:]
    magnitude = sum(abs(p.learned) for p in points) / len(points)
    scale = max(
        _NORMAL_MEDIAN * median(residuals),
        _quantile_90(residuals) / _NORMAL_Q90,
        _FLOOR_OF_LEVEL * abs(level),
        _FLOOR_OF_MAGNITUDE * magnitude,
        _TINY,
    )
    return Normal(
        level,
        scale,
        _quantile_90(sorted(_innovation(p) for p in points)),
        median([p.spread for p in recent]),
        median([p.count for p in recent]),
        len(points),
    )


def _innovation(point: BaselineWindow) -> float:
    """How far the measured value was from the level before it."""
    return abs(point.value - point.learned + (point.residual or 0.0))


def _quantile_90(ascending: list[float]) -> float:
    return ascending[math.ceil(0.9 * len(ascending)) - 1]


def learn(baseline: Baseline, window: Aggregate, field: str) -> None:
    """Take in a closed window; a newer revision replaces, an older one is ignored."""
    value = float(getattr(window, field))
    points = baseline.points
    if points and window.start_s <= points[-1].start_s:
        _replace(points, window, value)
        return
    now = normal(baseline)
    learned, residual = value, None
    if now is not None:
        reach = _WINSOR_LIMIT * now.scale * _small_sample_factor(now.windows)
        learned = min(max(value, now.level - reach), now.level + reach)
        residual = learned - now.level
    elif len(points) >= _FIRST_RESIDUAL:
        residual = value - median([p.learned for p in points])
    points.append(
        BaselineWindow(
            window.start_s, window.revision, value, learned, residual, window.stddev, window.count
        )
    )
    del points[:-_KEEP]


def _replace(points: list[BaselineWindow], window: Aggregate, value: float) -> None:
    for point in reversed(points):
        if point.start_s == window.start_s and point.revision < window.revision:
            moved = value - point.value
            point.revision, point.value = window.revision, value
            point.learned += moved
            point.spread, point.count = window.stddev, window.count
            if point.residual is not None:
                point.residual += moved


def judge(
    baseline: Baseline, window: Aggregate, field: str, sensitivity: float | None
) -> Verdict | None:
    """The verdict, or None while learning or while the open window has too few samples."""
    now = normal(baseline)
    if now is None or now.windows < LEARNING_WINDOWS:
        return None
    if not window.final and (field not in STEADY_FIELDS or _too_few(window, now)):
        return None
    scale = math.hypot(
        now.scale * _small_sample_factor(now.windows), sampling_noise(window, now, field)
    )
    wanted = sensitivity or DEFAULT_SENSITIVITY
    return bounded(float(getattr(window, field)), now.level, scale, wanted, field, now.p90_distance)


def bounded(
    value: float, expected: float, scale: float, sensitivity: float, field: str, p90_distance: float
) -> Verdict:
    """Verdict on a value against `expected` ± the larger of score and least deviation.

    What a series does in one window of ten starts no alarm; it does not end one either.
    """
    half = max(sensitivity * scale, LEAST_DEVIATION * abs(expected))
    distance = abs(value - expected)
    score = min(distance / scale, _MOST_SCORE)
    side = "above" if value > expected else "below"
    return Verdict(
        breach=distance > max(half, _BEYOND_P90 * p90_distance),
        healthy=distance <= HYSTERESIS * half,
        value=value,
        expected=expected,
        lower=expected - half,
        upper=expected + half,
        score=score,
        reason=(
            f"{field} {value:.6g} is {score:.1f} deviations {side} the expected "
            f"{expected:.6g} (bounds {expected - half:.6g} to {expected + half:.6g})"
        ),
    )


def sampling_noise(window: Aggregate, now: Normal, field: str) -> float:
    """Extra deviation of a field estimated from few samples.

    From the usual spread for the samples still missing, and from the window's own
    spread: one to three wild samples among calm ones are no evidence, more are.
    """
    if field not in STEADY_FIELDS:
        return 0.0
    missing = max(0.0, 1.0 / window.count - 1.0 / max(now.count, 1.0))
    own = _WEIGHT_OF_OWN * window.stddev / math.sqrt(window.count)
    return math.hypot(now.spread * math.sqrt(missing), own)


def _too_few(window: Aggregate, now: Normal) -> bool:
    return window.count < min(_LEAST_SAMPLES, now.count)


def _small_sample_factor(windows: int) -> float:
    """Widening while the scale is known from few windows."""
    return 1.0 + 8.0 / max(windows, 1)
