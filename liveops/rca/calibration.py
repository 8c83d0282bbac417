"""How sure an analysis may be, learned from what people said of earlier ones. Pure.

A line through the log odds (Platt, 1999), held near "as it was said" while verdicts are
few: two parameters for each source of analyses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from liveops.rca.series import Floats

#: With fewer verdicts than this a confidence is left as it is.
NEEDED = 30
#: How far slope and offset are believed to lie from 1 and 0 before anything is known.
_BELIEVED = np.array([0.5, 1.0])
_IDENTITY = np.array([1.0, 0.0])
_STEPS = 100
_CLOSE = 1e-9
#: Nothing is certain.
_LEAST = 0.01
_BINS = 5
#: Of a normal distribution 95 % lie within so many standard deviations.
_WITHIN = 1.96


@dataclass(frozen=True, slots=True)
class Judged:
    """An analysis that named a cause: `raw` as computed, `said` as told, and the verdict."""

    raw: float
    said: float
    right: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `verdicts` of people make of a computed confidence."""

    verdicts: int = 0
    slope: float = 1.0
    offset: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether there are enough verdicts."""
        return self.verdicts >= NEEDED

    def of(self, raw: float) -> float:
        """The calibrated confidence; as it is while there are too few verdicts."""
        if not self.holds:
            return raw
        odds = self.slope * float(_log_odds(np.array(raw))) + self.offset
        return round(float(np.clip(_share(np.array(odds)), _LEAST, 1 - _LEAST)), 3)

    def in_words(self) -> str:
        """What a reader is told."""
        if self.holds:
            return f"calibrated by {self.verdicts} verdicts"
        return f"not calibrated yet ({self.verdicts} of {NEEDED} verdicts)"


#: Nobody has said anything.
NONE = Calibration()


@dataclass(frozen=True, slots=True)
class Bin:
    """Analyses whose confidence was told to lie in [from_share, to_share).

    `share` of them were right, with 95 % sureness between `low` and `high` (Wilson).
    """

    from_share: float
    to_share: float
    count: int
    said: float
    share: float
    low: float
    high: float


def fit(judged: Sequence[Judged]) -> Calibration:
    """The calibration that these verdicts give; the same in any order."""
    if len(judged) < NEEDED:
        return Calibration(len(judged))
    ordered = sorted(judged, key=lambda one: (one.raw, one.right))
    x = _log_odds(np.array([one.raw for one in ordered]))
    right = np.array([one.right for one in ordered], dtype=np.float64)
    slope, offset = _line(np.stack([x, np.ones(len(x))]), right)
    if slope < 0:
        # Being surer never makes it less likely: then only how often it is right counts.
        slope, offset = 0.0, _line(np.stack([np.zeros(len(x)), np.ones(len(x))]), right)[1]
    return Calibration(len(judged), slope, offset)


def _line(features: Floats, right: Floats) -> tuple[float, float]:
    """The most likely slope and offset, by Newton's method with steps that only get better."""
    at, precision = _IDENTITY.copy(), np.diag(_BELIEVED**-2)

    def badness(place: Floats) -> float:
        odds, away = place @ features, place - _IDENTITY
        misfit = np.logaddexp(0, odds) - right * odds
        return float(misfit.sum() + away @ precision @ away / 2)

    for _ in range(_STEPS):
        share = _share(at @ features)
        gradient = features @ (share - right) + precision @ (at - _IDENTITY)
        bend = (features * (share * (1 - share))) @ features.T + precision
        step = np.linalg.solve(bend, gradient)
        while badness(at - step) > badness(at) and float(np.abs(step).max()) > _CLOSE:
            step = step / 2
        at = at - step
        if float(np.abs(step).max()) <= _CLOSE:
            break
    return float(at[0]), float(at[1])


def curve(judged: Sequence[Judged]) -> list[Bin]:
    """How often analyses were right, by how sure they said they were; empty bins are left out."""
    found = []
    for number in range(_BINS):
        low, high = number / _BINS, (number + 1) / _BINS
        last = number == _BINS - 1
        inside = [one for one in judged if low <= one.said and (one.said < high or last)]
        if inside:
            share = sum(one.right for one in inside) / len(inside)
            said = sum(one.said for one in inside) / len(inside)
            found.append(Bin(low, high, len(inside), said, share, *_wilson(share, len(inside))))
    return found


def error(bins: Sequence[Bin]) -> float | None:
    """Mean distance of what was said from what was right; None where nothing was judged."""
    count = sum(one.count for one in bins)
    return sum(one.count * abs(one.said - one.share) for one in bins) / count if count else None


def _wilson(share: float, count: int) -> tuple[float, float]:
    square = _WITHIN**2 / count
    middle = (share + square / 2) / (1 + square)
    half = _WITHIN * ((share * (1 - share) + square / 4) / count) ** 0.5 / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def _log_odds(share: Floats) -> Floats:
    inside = np.clip(share, _LEAST, 1 - _LEAST)
    found: Floats = np.log(inside / (1 - inside))
    return found


def _share(odds: Floats) -> Floats:
    found: Floats = 1 / (1 + np.exp(-np.clip(odds, -50, 50)))
    return found
