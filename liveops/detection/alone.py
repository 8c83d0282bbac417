"""One series by itself whose step is not told: it is found from its first windows.

Until it is known nothing is judged; then those windows are taken in, in their order. So no
window's verdict depends on one after it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

import numpy as np

from liveops.detection import ensemble
from liveops.detection.bank import Bank, empty_bank
from liveops.detection.ensemble import ONE_ALARM_IN_DAYS, Detector, Verdicts
from liveops.detection.fitting import PAST_S, Fitted, due, fit_row, no_fit

#: Distances between windows whose median is the step.
_DISTANCES = 12
#: What windows without any time between them are taken for.
_LEAST_STEP_S = 1.0
_ROW = np.zeros(1, dtype=np.int64)


@dataclass(slots=True)
class Alone:
    """What is remembered of it; `waiting` holds (time, value) until the step is known."""

    detector: Detector = "ensemble"
    one_alarm_in_days: float = ONE_ALARM_IN_DAYS
    waiting: list[tuple[float, float]] = field(default_factory=list)
    bank: Bank | None = None
    #: Who foresees, where the detector is the forecast.
    fit: Fitted = no_fit
    _past: deque[tuple[float, float]] = field(default_factory=deque)

    def judge(self, time_s: float, value: float) -> Verdicts | None:
        """Take in the next window; None while the step is being found."""
        if self.bank is not None:
            return self._judge(self.bank, time_s, value)
        self.waiting.append((time_s, value))
        if len(self.waiting) > _DISTANCES:
            times = [time for time, _ in self.waiting]
            step_s = median(b - a for a, b in pairwise(times))
            self.bank = empty_bank(1, max(step_s, _LEAST_STEP_S))
            for window in self.waiting:
                self._judge(self.bank, *window)
            self.waiting.clear()
        return None

    def _judge(self, bank: Bank, time_s: float, value: float) -> Verdicts:
        at, of = np.array([time_s]), np.array([value])
        verdicts = ensemble.judge(bank, _ROW, at, of, self.detector, self.one_alarm_in_days)
        if self.detector == "forecast":
            self._foresee(bank, time_s, value)
        return verdicts

    def _foresee(self, bank: Bank, time_s: float, value: float) -> None:
        self._past.append((time_s, value))
        while self._past[0][0] < time_s - PAST_S:
            self._past.popleft()
        if len(due(bank, _ROW)):
            fit_row(bank, 0, self._past, self.fit)
