"""Forecasts made on the way through windows of the past, in their order. Pure but for the fit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from liveops.detection import forecast, season
from liveops.detection.bank import Bank
from liveops.detection.forecast import Fit, History
from liveops.detection.rule_bank import RuleBank, Seen, value_of
from liveops.detection.tails import Ints

#: What a fit looks back on, and the newest windows it is tried on.
PAST_S, TRIED_S = 28 * 86_400.0, 86_400.0

#: What is foreseen after a history; ValueError where nothing can be.
Fitted = Callable[[History], Fit]


def no_fit(history: History) -> Fit:
    """Where nobody fits: a forecast rule judges against the level."""
    raise ValueError("nothing is fitted here")


def due(bank: Bank, rows: Ints) -> Ints:
    """Which of `rows` want a forecast now, the oldest fit first; a counter's level wants none."""
    season_s = season.proved(bank.sudden.seasons, rows)
    season_s[bank.counters.known[rows]] = 0.0
    return forecast.due(bank.forecasts, rows, bank.newest_s[rows], season_s)


def season_of(bank: Bank, row: int) -> float:
    """The proved season of a row, 0 without any."""
    return float(season.proved(bank.sudden.seasons, np.array([row], np.int64))[0])


def fit_row(bank: Bank, row: int, windows: Iterable[tuple[float, float]], fit: Fitted) -> None:
    """Foresee a row from its windows (start, value), the oldest first."""
    newest_s = float(bank.newest_s[row])
    windows = list(windows)
    points = forecast.points_of(windows, bank.forecasts.point_s)
    newest = [one for one in windows if one[0] > newest_s - TRIED_S]
    found = None
    try:
        found = fit(forecast.history(points, newest, bank.step_s, season_of(bank, row)))
    except ValueError:
        pass  # it is tried again when it is due again
    forecast.accept(bank.forecasts, row, newest_s, found)


@dataclass
class Fitting:
    """The windows of forecast rules, kept as long as a fit looks back."""

    _windows: dict[tuple[str, int], deque[tuple[float, float]]] = field(default_factory=dict)

    def follow(self, bank: RuleBank, windows: Iterable[Seen], fit: Fitted) -> None:
        """Make the forecasts that are due once these windows are learned."""
        if bank.rule.kind != "forecast":
            return
        for item in windows:
            row = bank.find(item.service, item.window.series)
            value = value_of(bank.rule, item.window)
            if row is not None and value is not None and item.window.final:
                self._keep((bank.rule.id, row), float(item.window.start_s), value)
        rows = np.array([row for _, _, row in bank.rows()], np.int64)
        for row in due(bank.bank, rows).tolist():
            fit_row(bank.bank, row, self._windows[(bank.rule.id, row)], fit)

    def _keep(self, key: tuple[str, int], start_s: float, value: float) -> None:
        kept = self._windows.setdefault(key, deque())
        kept.append((start_s, value))
        while kept[0][0] < start_s - PAST_S:
            kept.popleft()
