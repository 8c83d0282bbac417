"""The fold of the detectors: aggregates of one service in, detections out. Pure.

Closed windows are judged, then learned; open ones are judged only; recomputed ones
(`backfill`) are ignored. Nothing but the arguments decides: the same records under the
same rules give the same detections.
"""

from __future__ import annotations

import msgspec

from liveops.detection import forecast, no_data, threshold, zscore
from liveops.detection.absence import data_again
from liveops.detection.alarm import Observation, step
from liveops.detection.forecast import FitRequest
from liveops.detection.forgetting import expire, look_due
from liveops.detection.report import Outcome, Subject, alarm_of, observation_of, publish
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import Baseline, SeriesState, ServiceDetectors, Verdict
from schema.metrics import WINDOW_S, Aggregate
from schema.rules import Rule


def observe(
    state: ServiceDetectors,
    windows: list[Aggregate],
    book: RuleBook,
    reached_s: float | None = None,
) -> Outcome:
    """Apply the aggregates of one record; `reached_s` is the service's watermark."""
    outcome = Outcome()
    usable = [window for window in windows if not window.backfill]
    if not usable:
        return outcome
    before_s = state.presence.event_s
    for window in sorted(usable, key=_order):
        _take(state, window, reached_s, book, outcome)
    newest_s = max(min(window.end_s, max(window.start_s, reached_s or 0.0)) for window in usable)
    no_data.observe(state.presence, usable, newest_s)
    data_again(state, usable, book, outcome)
    if look_due(before_s, state.presence.event_s):
        expire(state, state.presence.event_s, outcome)
    return outcome


def _order(window: Aggregate) -> tuple[int, str, str, int]:
    return window.end_s, window.window, window.series, window.revision


def _take(
    state: ServiceDetectors,
    window: Aggregate,
    reached_s: float | None,
    book: RuleBook,
    outcome: Outcome,
) -> None:
    key = window.series
    series = state.series.get(key)
    if series is None:
        series = state.series[key] = SeriesState(window.metric_type, window.tags)
        outcome.created += 1
    observation = observation_of(window, reached_s)
    series.seen_s = max(series.seen_s, observation.at_s)
    state.seen.touch(key, observation.at_s)
    series.broker_s = max(series.broker_s, window.broker_time_s)
    rules = [
        rule
        for rule in book.for_series(state.service, key, window.metric_type, window.tags)
        if rule.window == window.window
    ]
    if window.start_s > series.closed_s.get(window.window, -1):
        subject = _subject(state, window)
        for rule in rules:
            _judge(series, rule, window, subject, observation, book, outcome)
        _retire(series, window.window, book, outcome)
    if window.final:
        _learn(state, series, window, rules, outcome)


def _subject(state: ServiceDetectors, window: Aggregate) -> Subject:
    return Subject(
        state.service,
        window.series,
        window.metric_type,
        window.tags,
        window.window,
        window.broker_time_s,
    )


def _judge(
    series: SeriesState,
    rule: Rule,
    window: Aggregate,
    subject: Subject,
    observation: Observation,
    book: RuleBook,
    outcome: Outcome,
) -> None:
    alarm = alarm_of(series.alarms, rule)
    verdict = _verdict(series, rule, window)
    before = (alarm.phase, alarm.pending_s, alarm.healthy)
    change = step(alarm, verdict, observation, rule)
    if verdict is not None:
        publish(alarm, rule, verdict, subject, observation.at_s, change, book, outcome)
    if change or (alarm.phase, alarm.pending_s, alarm.healthy) != before:
        outcome.changed.add(subject.series)


def _verdict(series: SeriesState, rule: Rule, window: Aggregate) -> Verdict | None:
    if rule.kind == "threshold":
        return threshold.judge(rule, window)
    baseline = series.baselines.get(_baseline_name(rule))
    if baseline is None:
        return None
    judge = zscore.judge if rule.kind == "zscore" else forecast.judge
    return judge(baseline, window, rule.field, rule.sensitivity)


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
    state: ServiceDetectors,
    series: SeriesState,
    window: Aggregate,
    rules: list[Rule],
    outcome: Outcome,
) -> None:
    series.closed_s[window.window] = max(series.closed_s.get(window.window, -1), window.start_s)
    outcome.changed.add(window.series)
    learned: set[str] = set()
    for rule in rules:
        name = _baseline_name(rule)
        if rule.kind == "threshold":
            continue
        baseline = series.baselines.setdefault(name, Baseline())
        if name not in learned:
            zscore.learn(baseline, window, rule.field)
            learned.add(name)
        if rule.kind == "forecast" and forecast.fit_due(baseline):
            outcome.fits.append(
                forecast.fit_request(
                    state.service, window.series, name, baseline, WINDOW_S[window.window]
                )
            )


def accept_fit(
    state: ServiceDetectors, request: FitRequest, predicted: list[tuple[float, float]]
) -> bool:
    """Keep a finished forecast; False when its series is gone."""
    series = state.series.get(request.series)
    baseline = series.baselines.get(request.baseline) if series else None
    if baseline is None:
        return False
    forecast.accept(baseline, request, predicted)
    return True
