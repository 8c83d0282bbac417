"""Excursions end when their rule is gone, disabled, or no longer chooses the series. Pure."""

from __future__ import annotations

from collections.abc import Container

import msgspec

from liveops.detection.report import Outcome
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import Alarm, ServiceDetectors

_REASON = "its rule was removed, disabled or no longer applies"


def retire(state: ServiceDetectors, book: RuleBook, outcome: Outcome) -> None:
    """Compare all alarms of a service with the rules, once after each change of them."""
    if state.obeyed is book:
        return
    state.obeyed = book
    for key, series in state.series.items():
        chosen = book.for_series(state.service, key, series.metric_type, series.tags)
        if _end(series.alarms, {rule.id for rule in (*chosen.values, *chosen.absence)}, outcome):
            outcome.changed.add(key)
    presence = state.presence
    on_service = {rule.id for rule in book.on_presence(state.service, "service")}
    on_metrics = {rule.id for rule in book.on_presence(state.service, "metric")}
    outcome.presence_changed |= _end(presence.alarms, on_service, outcome)
    for metric_type, alarms in list(presence.metric_alarms.items()):
        outcome.presence_changed |= _end(alarms, on_metrics, outcome)
        if not alarms:
            del presence.metric_alarms[metric_type]


def _end(alarms: dict[str, Alarm], kept: Container[str], outcome: Outcome) -> bool:
    gone = [rule_id for rule_id in alarms if rule_id not in kept]
    for rule_id in gone:
        detection = alarms.pop(rule_id).detection
        if detection is not None:
            outcome.detections.append(
                msgspec.structs.replace(detection, state="resolved", reason=_REASON)
            )
    return bool(gone)
