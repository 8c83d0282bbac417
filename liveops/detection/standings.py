"""How each series of a service stands with each rule, and why nothing fires. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from liveops.detection import forecast, no_data, zscore
from liveops.detection.ensemble import LEARNING_WINDOWS
from liveops.detection.learned import Learned
from liveops.detection.rule_bank import RuleBank
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import Alarm, SeriesState, ServiceDetectors
from schema.detectors import Standing
from schema.rules import Rule

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
    """Of rules that compare, of those on absence, and of those with a baseline in the state."""
    if rule.kind in ("threshold", "change", "ratio"):
        return _Knowledge(1, 1, "within its limit")
    if rule.kind == "no_data":
        return _Knowledge(series.gaps + 1, no_data.LEARNING_SAMPLES, "data come as usual")
    baseline = series.baselines.get(f"{rule.window}/{rule.field}")
    known = len(baseline.points) if baseline is not None else 0
    needed = zscore.LEARNING_WINDOWS if rule.kind == "zscore" else forecast.FIRST_FIT
    return _Knowledge(known, needed, "within its bounds")


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
    bounds = float(now.lower[row]), float(now.upper[row])
    return _Knowledge(count, LEARNING_WINDOWS, reason, float(now.expected[row]), *bounds)
