"""How each series of a service stands with each rule, and why nothing fires. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from liveops.detection import forecast, no_data, season
from liveops.detection.ensemble import LEARNING_WINDOWS
from liveops.detection.learned import Learned
from liveops.detection.rule_bank import DETECTOR_OF, RuleBank
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import Alarm, SeriesState, ServiceDetectors
from schema.detectors import Standing
from schema.rules import Rule
from schema.times import format_time

_NEVER = Alarm()


class _Knowledge(NamedTuple):
    """What a rule knows of a series, and what it makes of it."""

    learned: int
    needed: int
    reason: str = ""
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None


def standings(state: ServiceDetectors, book: RuleBook, learned: Learned) -> Iterator[Standing]:
    """One for each series of a service and each rule that chooses it."""
    for key, series in state.series.items():
        chosen = book.for_series(state.service, key, series.metric_type, series.tags)
        for rule in (*chosen.values, *chosen.absence):
            alarm = series.alarms.get(rule.id, _NEVER)
            bank = learned.banks.get(rule.id)
            if bank is not None:
                known = _in_bank(bank, bank.find(state.service, key), alarm)
            elif rule.kind in DETECTOR_OF:
                known = _Knowledge(0, LEARNING_WINDOWS)
            else:
                known = _plain(series, rule)
            yield _standing(state.service, series, rule, alarm, known)


def _standing(
    service: str, series: SeriesState, rule: Rule, alarm: Alarm, known: _Knowledge
) -> Standing:
    told = alarm.detection
    phase = alarm.phase
    if phase == "learning" and known.learned >= known.needed:
        phase = "ok"  # no window has been judged since
    if told is not None:
        reason = told.reason
    elif phase == "learning":
        reason = f"{known.learned} of {known.needed} windows learned"
    elif phase == "firing":
        reason = "muted by a silence"
    else:
        reason = known.reason or "nothing unusual"
    return Standing(
        service_name=service,
        metric_type=series.metric_type,
        tags=series.tags,
        rule_id=rule.id,
        detector=rule.kind,
        state=phase,
        learned=min(known.learned, known.needed),
        needed=known.needed,
        expected=known.expected,
        lower=known.lower,
        upper=known.upper,
        reason=reason,
    )


def _plain(series: SeriesState, rule: Rule) -> _Knowledge:
    """Of rules that compare, and of those on absence."""
    if rule.kind == "no_data":
        return _Knowledge(series.gaps + 1, no_data.LEARNING_SAMPLES, "data come as usual")
    return _Knowledge(1, 1, "within its limit")


def _in_bank(bank: RuleBank, row: int | None, alarm: Alarm) -> _Knowledge:
    """Of a rule that learns: its last verdict, and what keeps it from telling more."""
    if row is None:
        return _Knowledge(0, LEARNING_WINDOWS)
    now, excursions = bank.standing, bank.bank.excursions
    count = int(bank.bank.count[row])
    if count < LEARNING_WINDOWS or now.bar[row] == 0.0:
        return _Knowledge(count, LEARNING_WINDOWS, "no window was judged since the worker started")
    reason = f"surprise {now.surprise[row]:.1f}, told from {now.bar[row]:.1f} on"
    if excursions.firing[row] and alarm.phase not in ("firing", "no_data"):
        reason += "; an excursion that was expected goes on"
    if bank.rule.kind == "forecast":
        reason += f"; {_foreseen(bank, row)}"
    bounds = float(now.lower[row]), float(now.upper[row])
    return _Knowledge(count, LEARNING_WINDOWS, reason, float(now.expected[row]), *bounds)


def _foreseen(bank: RuleBank, row: int) -> str:
    """By what a forecast rule judges its next window."""
    next_s = np.array([bank.bank.newest_s[row] + 1.5 * bank.step_s])
    rows = np.array([row], np.int64)
    if np.isfinite(forecast.expected(bank.bank.forecasts, rows, next_s)[0]):
        from_s = float(bank.bank.forecasts.start_s[row])
        return f"against the forecast from {format_time(from_s)} on"
    if season.proved(bank.bank.sudden.seasons, rows)[0]:
        return "against its level: its forecast is yet to be made"
    return "against its level: no season is proved"
