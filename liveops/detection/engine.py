"""The fold of the detectors: aggregates of one service in, detections out. Pure.

Closed windows are judged, then learned; open ones are judged only; recomputed ones
(`backfill`) are ignored. Nothing but the arguments decides: the same records under the
same rules give the same detections.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from liveops.detection import forecast, no_data, threshold, zscore
from liveops.detection.forecast import FitRequest
from liveops.detection.rulebook import RuleBook
from liveops.detection.series import Change, Sight, fall_silent, step
from liveops.detection.state import (
    Alarm,
    Baseline,
    Presence,
    SeriesState,
    ServiceState,
    Verdict,
)
from schema.ids import detection_id
from schema.incidents import Detection
from schema.metrics import WINDOW_S, Aggregate
from schema.rules import Rule

#: Name of "the service as a whole" where a metric or series is asked for.
WHOLE = "*"


@dataclass(slots=True)
class Outcome:
    """What a fold gives: detections to publish, series to store, fits to order."""

    detections: list[Detection] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    fits: list[FitRequest] = field(default_factory=list)
    presence_changed: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What a verdict is about, as a detection names it."""

    service: str
    series: str
    metric_type: str
    tags: dict[str, str]
    window: str
    broker_s: float


def observe(
    state: ServiceState, items: list[Aggregate], book: RuleBook, reached_s: float | None = None
) -> Outcome:
    """Apply the aggregates of one record; `reached_s` is the service's watermark."""
    outcome = Outcome()
    usable = [item for item in items if not item.backfill]
    if not usable:
        return outcome
    for item in sorted(usable, key=_order):
        _take(state, item, reached_s, book, outcome)
    newest_s = max(min(item.end_s, max(item.start_s, reached_s or 0.0)) for item in usable)
    no_data.observe(state.presence, usable, newest_s)
    _speak_again(state, usable, book, outcome)
    return outcome


def _order(item: Aggregate) -> tuple[int, str, str, int]:
    return item.end_s, item.window, item.series, item.revision


def _take(
    state: ServiceState,
    item: Aggregate,
    reached_s: float | None,
    book: RuleBook,
    outcome: Outcome,
) -> None:
    key = item.series
    series = state.series.get(key)
    if series is None:
        series = state.series[key] = SeriesState(item.metric_type, item.tags)
    series.broker_s = max(series.broker_s, item.broker_time_s)
    rules = [
        rule
        for rule in book.for_series(state.service, key, item.metric_type, item.tags)
        if rule.window == item.window
    ]
    if item.start_s > series.closed_s.get(item.window, -1):
        subject = _subject(state, item)
        for rule in rules:
            _judge(series, rule, item, subject, _sight(item, reached_s), book, outcome)
        _retire(series, item.window, book, outcome)
    if item.final:
        _learn(state, series, item, rules, outcome)


def _sight(item: Aggregate, reached_s: float | None) -> Sight:
    at_s = float(item.end_s)
    if not item.final:
        at_s = min(at_s, max(float(item.start_s), reached_s or 0.0))
    return Sight(item.start_s, item.end_s, at_s, item.final)


def _subject(state: ServiceState, item: Aggregate) -> Subject:
    return Subject(
        state.service, item.series, item.metric_type, item.tags, item.window, item.broker_time_s
    )


def _judge(
    series: SeriesState,
    rule: Rule,
    item: Aggregate,
    subject: Subject,
    sight: Sight,
    book: RuleBook,
    outcome: Outcome,
) -> None:
    alarm = _alarm(series.alarms, rule)
    verdict = _verdict(series, rule, item)
    before = (alarm.phase, alarm.pending_s, alarm.healthy)
    change = step(alarm, verdict, sight, rule)
    if verdict is not None:
        _publish(alarm, rule, verdict, subject, sight.at_s, change, book, outcome)
    if change or (alarm.phase, alarm.pending_s, alarm.healthy) != before:
        outcome.changed.add(subject.series)


def _verdict(series: SeriesState, rule: Rule, item: Aggregate) -> Verdict | None:
    if rule.kind == "threshold":
        return threshold.judge(rule, item)
    baseline = series.baselines.get(_baseline_name(rule))
    if baseline is None:
        return None
    judge = zscore.judge if rule.kind == "zscore" else forecast.judge
    return judge(baseline, item, rule.field, rule.sensitivity)


def _alarm(alarms: dict[str, Alarm], rule: Rule) -> Alarm:
    """The rule's alarm; a changed rule starts a quiet one anew, a firing one goes on."""
    alarm = alarms.get(rule.id)
    if alarm is None:
        alarm = alarms[rule.id] = Alarm(rule.version)
    elif alarm.rule_version != rule.version:
        alarm.rule_version = rule.version
        if alarm.phase not in ("firing", "no_data"):
            alarm.pending_s = None
    return alarm


def _publish(
    alarm: Alarm,
    rule: Rule,
    verdict: Verdict,
    subject: Subject,
    at_s: float,
    change: Change | None,
    book: RuleBook,
    outcome: Outcome,
) -> None:
    """Turn a change into a detection; a muted excursion is told when the silence ends."""
    if change == "resolved":
        if alarm.detection is not None:
            outcome.detections.append(
                msgspec.structs.replace(
                    alarm.detection, state="resolved", at_s=at_s, broker_time_s=subject.broker_s
                )
            )
        alarm.detection = None
        return
    if alarm.phase != "firing" or not (change == "firing" or alarm.detection is None):
        return
    if not verdict.breach and alarm.detection is None:
        return
    if book.mutes(rule, subject.service, subject.metric_type, at_s):
        return
    if verdict.breach:
        alarm.detection = _detection(alarm, rule, verdict, subject, at_s)
    elif alarm.detection is not None:
        alarm.detection = msgspec.structs.replace(
            alarm.detection, state="firing", at_s=at_s, broker_time_s=subject.broker_s
        )
    if alarm.detection is not None:
        outcome.detections.append(alarm.detection)
        outcome.changed.add(subject.series)


def _detection(
    alarm: Alarm, rule: Rule, verdict: Verdict, subject: Subject, at_s: float
) -> Detection:
    return Detection(
        id=detection_id(rule.id, subject.service, subject.series, alarm.onset_s),
        rule_id=rule.id,
        detector=rule.kind,
        service_name=subject.service,
        metric_type=subject.metric_type,
        tags=subject.tags,
        window=subject.window,
        severity=rule.severity,
        value=verdict.value,
        expected=verdict.expected,
        lower=verdict.lower,
        upper=verdict.upper,
        score=verdict.score,
        reason=verdict.reason,
        at_s=at_s,
        onset_s=alarm.onset_s,
        broker_time_s=subject.broker_s,
        labels={"rule": rule.name, "rule_version": str(rule.version)},
    )


def _retire(series: SeriesState, window: str, book: RuleBook, outcome: Outcome) -> None:
    """End the excursions of rules that are gone."""
    for rule_id in [known for known in series.alarms if known not in book.rules]:
        alarm = series.alarms[rule_id]
        if alarm.detection is not None:
            if alarm.detection.window != window:
                continue
            outcome.detections.append(
                msgspec.structs.replace(
                    alarm.detection, state="resolved", reason="its rule was removed or disabled"
                )
            )
        del series.alarms[rule_id]


def _baseline_name(rule: Rule) -> str:
    return f"{rule.window}/{rule.field}"


def _learn(
    state: ServiceState,
    series: SeriesState,
    item: Aggregate,
    rules: list[Rule],
    outcome: Outcome,
) -> None:
    series.closed_s[item.window] = max(series.closed_s.get(item.window, -1), item.start_s)
    outcome.changed.add(item.series)
    learned: set[str] = set()
    for rule in rules:
        name = _baseline_name(rule)
        if rule.kind == "threshold":
            continue
        baseline = series.baselines.setdefault(name, Baseline())
        if name not in learned:
            zscore.learn(baseline, item, rule.field)
            learned.add(name)
        if rule.kind == "forecast" and forecast.fit_due(baseline):
            outcome.fits.append(
                forecast.fit_request(
                    state.service, item.series, name, baseline, WINDOW_S[item.window]
                )
            )


def accept_fit(
    state: ServiceState, request: FitRequest, predicted: list[tuple[float, float]]
) -> bool:
    """Keep a finished forecast; False when its series is gone."""
    series = state.series.get(request.series)
    baseline = series.baselines.get(request.baseline) if series else None
    if baseline is None:
        return False
    forecast.accept(baseline, request, predicted)
    return True


def tick(state: ServiceState, now_s: float, book: RuleBook) -> Outcome:
    """Judge silence at `now_s`, broker time up to which everything has been read."""
    outcome = Outcome()
    presence = state.presence
    if not no_data.is_live(presence):
        return outcome
    verdict = no_data.judge(presence, now_s)
    at_s = presence.event_s + now_s - presence.broker_s
    if verdict is not None:
        subject = _whole(state)
        sight = Sight(presence.event_s, presence.event_s + 60.0, at_s, final=False)
        for rule in book.for_presence(state.service):
            alarm = _alarm(presence.alarms, rule)
            before = alarm.phase, alarm.pending_s
            change = step(alarm, verdict, sight, rule)
            _publish(alarm, rule, verdict, subject, at_s, change, book, outcome)
            outcome.presence_changed |= (alarm.phase, alarm.pending_s) != before
    _fall_silent(state, now_s, at_s, outcome)
    return outcome


def _whole(state: ServiceState) -> Subject:
    return Subject(state.service, WHOLE, WHOLE, {}, "1m", state.presence.broker_s)


def _fall_silent(state: ServiceState, now_s: float, at_s: float, outcome: Outcome) -> None:
    """Mark firing series that give no more data."""
    usual_s = no_data.silence_limit_s(state.presence)
    for key, series in state.series.items():
        if now_s - series.broker_s <= max(2 * no_data.LEAST_SILENCE_S, usual_s):
            continue
        for alarm in series.alarms.values():
            if not fall_silent(alarm):
                continue
            outcome.changed.add(key)
            if alarm.detection is not None:
                alarm.detection = msgspec.structs.replace(
                    alarm.detection, state="no_data", at_s=at_s
                )
                outcome.detections.append(alarm.detection)


def _speak_again(
    state: ServiceState, items: list[Aggregate], book: RuleBook, outcome: Outcome
) -> None:
    """Closed windows of a service that was silent are healthy sights of its presence."""
    presence: Presence = state.presence
    firing = [r for r in book.for_presence(state.service) if _is_firing(presence, r)]
    for item in items if firing else ():
        if not item.final or item.window != "1m":
            continue
        verdict = Verdict(False, True, 0.0, None, None, None, 0.0, "data again")
        for rule in firing:
            alarm = presence.alarms[rule.id]
            change = step(alarm, verdict, _sight(item, None), rule)
            _publish(
                alarm, rule, verdict, _whole(state), float(item.end_s), change, book, outcome
            )
            outcome.presence_changed = True


def _is_firing(presence: Presence, rule: Rule) -> bool:
    alarm = presence.alarms.get(rule.id)
    return alarm is not None and alarm.phase == "firing"
