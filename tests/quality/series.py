"""Series judged by the ensemble, those of one step together, each from an empty state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liveops.detection import ensemble
from liveops.detection.bank import empty_bank
from liveops.detection.ensemble import ONE_ALARM_IN_DAYS

Floats = NDArray[np.float64]
#: Distances whose median is the step of a file, as `liveops backtest` finds it.
_DISTANCES = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One series: epoch seconds and values."""

    name: str
    family: str
    time_s: Floats
    value: Floats

    @property
    def step_s(self) -> float:
        """Known after the first windows."""
        return float(np.median(np.diff(self.time_s[: _DISTANCES + 1])))


def surprises(
    lines: Sequence[Line], one_alarm_in_days: float = ONE_ALARM_IN_DAYS
) -> dict[str, Floats]:
    """By name: surprise over bar where an alarm starts, 0 elsewhere."""
    found = {line.name: np.zeros(len(line.value)) for line in lines}
    for step_s in sorted({line.step_s for line in lines}):
        some = [line for line in lines if line.step_s == step_s]
        bank = empty_bank(len(some), step_s)
        for window in range(max(len(line.value) for line in some)):
            rows = np.array([k for k, line in enumerate(some) if window < len(line.value)])
            verdicts = ensemble.judge(
                bank,
                rows,
                np.array([some[row].time_s[window] for row in rows]),
                np.array([some[row].value[window] for row in rows]),
                one_alarm_in_days=one_alarm_in_days,
            )
            for place in np.flatnonzero(verdicts.alarm):
                ratio = verdicts.surprise[place] / verdicts.bar[place]
                found[some[rows[place]].name][window] = ratio
    return found
