"""How far each series of an incident is from its own past."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from liveops.rca import baseline
from liveops.rca.baseline import MIN_HISTORY, ONSET_STRENGTH
from liveops.rca.kinds import Kind, Meaning, meaning
from liveops.rca.series import Floats, Sample, SeriesTable, quantiles, table

__all__ = ["MAX_STRENGTH", "MIN_HISTORY", "ONSET_STRENGTH", "Deviation", "deviations", "measure"]

#: Beyond this, further is not worse.
MAX_STRENGTH = 1000.0
#: Strength of a silence: nothing left is as sure as a departure can be.
_SILENT_STRENGTH = 12.0
#: First and last values of an incident that are compared, and how many it must have.
_ENDS = 3
_TOLD_FROM = 4
#: Changes by less than this share of the distance are none.
_STEADY = 0.25
Trend = Literal["worse", "steady", "easing"]


@dataclass(frozen=True, slots=True)
class Deviation:
    """One (service, metric) in the incident against its history.

    `strength` is the distance from the median in robust standard deviations (≥ 0),
    `rarity` the share of past values at least as far out, `onset_s` when the series
    left its past (None: it did not). `silent` means it stopped reporting; `observed`
    is then its last value, if known. `limit` is the fixed limit that it broke; `expected`
    is None when only that is known. `kind` is what the metric measures; `worse` is
    False where it moved in the harmless direction. `early` and `late` are the medians of
    the incident's first and last values, None where there are too few to tell them apart.
    """

    service_name: str
    metric_type: str
    expected: float | None
    spread: float
    observed: float | None
    strength: float
    rarity: float
    onset_s: float | None
    history: int
    silent: bool = False
    limit: float | None = None
    kind: Kind = "other"
    worse: bool = True
    early: float | None = None
    late: float | None = None

    @property
    def trend(self) -> Trend | None:
        """How it goes on, where the incident has lasted long enough to tell."""
        if self.silent or self.base is None or self.early is None or self.late is None:
            return None
        change = abs(self.late - self.base) - abs(self.early - self.base)
        if abs(change) <= max(2 * self.spread, _STEADY * abs(self.more)):
            return "steady"
        return "worse" if change > 0 else "easing"

    @property
    def base(self) -> float | None:
        """What it is compared with: what is usual, else the limit."""
        return self.expected if self.expected is not None else self.limit

    @property
    def more(self) -> float:
        """How much more than usual was observed; 0 where that is not known."""
        if self.silent or self.observed is None or self.base is None:
            return 0.0
        return self.observed - self.base

    @property
    def direction(self) -> int:
        """1 upwards, -1 downwards, 0 where there is none."""
        return (self.more > 0) - (self.more < 0)


def deviations(samples: Iterable[Sample], at_s: float) -> list[Deviation]:
    """Deviation of every series with a history; samples from `at_s` are the incident."""
    return measure(table(samples, at_s), at_s)


def measure(known: SeriesTable, at_s: float) -> list[Deviation]:
    """Deviation of every series with a history, strongest first."""
    if not known.names or known.past.shape[1] == 0:
        return []
    meanings = [meaning(metric) for _, metric in known.names]
    past = baseline.guarded(known)
    usual = quantiles(past, (0.5,))[0]
    spread = baseline.spreads(known, past, usual, meanings)
    observed = quantiles(known.during, (0.5,))[0]
    distance = np.abs(observed - usual)
    figures = _Figures(
        usual, spread, observed, np.minimum(distance / spread, MAX_STRENGTH),
        baseline.rarity(past, usual, distance),
        baseline.onsets(known, usual, spread, observed, at_s), *_ends(known),
    )  # fmt: skip
    silent = baseline.silent(known, at_s)
    enough = (known.past_count >= MIN_HISTORY) & (silent | np.isfinite(observed))
    found = [
        _silence(known, row, figures, meanings[row]) if silent[row]
        else _distance(known, row, figures, meanings[row])
        for row in np.flatnonzero(enough).tolist()
    ]  # fmt: skip
    return sorted(found, key=lambda item: (-item.strength, item.service_name, item.metric_type))


@dataclass(frozen=True, slots=True)
class _Figures:
    """Of each series, row by row."""

    usual: Floats
    spread: Floats
    observed: Floats
    strength: Floats
    rarity: Floats
    onset: Floats
    early: Floats
    late: Floats


def _ends(known: SeriesTable) -> tuple[Floats, Floats]:
    """Medians of each incident's first and last values; NaN where they are too few."""
    counts, width = known.during_count, known.during.shape[1]
    place = np.arange(_ENDS)[None, :]
    size = np.where(counts >= _TOLD_FROM, np.minimum(_ENDS, counts // 2), 0)[:, None]
    ends = []
    for start in (0, counts[:, None] - size):
        column = np.clip(start + place, 0, max(width - 1, 0))
        values = np.take_along_axis(known.during, column, axis=1) if width else column + np.nan
        ends.append(quantiles(np.where(place < size, values, np.nan), (0.5,))[0])
    return ends[0], ends[1]


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _distance(known: SeriesTable, row: int, by: _Figures, about: Meaning) -> Deviation:
    moved = float(by.observed[row] - by.usual[row])
    return Deviation(
        *known.names[row], float(by.usual[row]), float(by.spread[row]), float(by.observed[row]),
        float(by.strength[row]), float(by.rarity[row]), _known(float(by.onset[row])),
        int(known.past_count[row]), kind=about.kind,
        worse=about.worse == 0 or about.worse * moved > 0,
        early=_known(float(by.early[row])), late=_known(float(by.late[row])),
    )  # fmt: skip


def _silence(known: SeriesTable, row: int, by: _Figures, about: Meaning) -> Deviation:
    count = int(known.past_count[row])
    since_s = float(known.past_s[row, count - 1] + known.step_s[row])
    return Deviation(
        *known.names[row], float(by.usual[row]), float(by.spread[row]),
        float(known.past[row, count - 1]), _SILENT_STRENGTH, 1 / (count + 1), since_s, count,
        silent=True, kind=about.kind,
    )  # fmt: skip
