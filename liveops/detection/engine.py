"""The fold of the detectors: aggregates of one service in, detections out. Pure.

Closed windows are judged, then learned; open ones are judged only; recomputed ones
(`backfill`) are ignored. Nothing but the arguments decides: the same records under the
same rules give the same detections.
"""

from __future__ import annotations

from liveops.detection import no_data, relations, threshold
from liveops.detection.absence import data_again
from liveops.detection.apply import apply, subject_of
from liveops.detection.forgetting import expire, look_due
from liveops.detection.opinions import NO_OPINIONS, Opinions
from liveops.detection.ratios import divide
from liveops.detection.report import Outcome, alarm_of, observation_of
from liveops.detection.retire import retire
from liveops.detection.rule_bank import DETECTOR_OF
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import SeriesState, ServiceDetectors, Verdict
from schema.metrics import Aggregate
from schema.rules import Rule

#: Closed windows whose number of samples is remembered.
_COUNTS_KEPT = 10


def observe(
    state: ServiceDetectors,
    windows: list[Aggregate],
    book: RuleBook,
    reached_s: float | None = None,
    opinions: Opinions = NO_OPINIONS,
) -> Outcome:
    """Apply the aggregates of one record; `reached_s` is the service's watermark.

    `opinions` are those of the rules that learn, on these windows.
    """
    outcome = Outcome()
    retire(state, book, outcome)
    usable = [window for window in windows if not window.backfill]
    if not usable:
        return outcome
    before_s = state.presence.event_s
    for window in sorted(usable, key=_order):
        _take(state, window, reached_s, book, opinions, outcome)
    newest_s = max(min(window.end_s, max(window.start_s, reached_s or 0.0)) for window in usable)
    broker_s = max(window.broker_time_s for window in usable)
    no_data.observe(state.presence, broker_s, newest_s)
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
    opinions: Opinions,
    outcome: Outcome,
) -> None:
    key = window.series
    series = state.series.get(key)
    if series is None:
        series = state.series[key] = SeriesState(window.metric_type, window.tags)
        outcome.created += 1
    observation = observation_of(window, reached_s)
    no_data.observe(series, window.broker_time_s, observation.at_s)
    state.seen.touch(key, observation.at_s)
    chosen = book.for_series(state.service, key, window.metric_type, window.tags)
    rules = [rule for rule in chosen.values if rule.window == window.window]
    is_new = window.start_s > series.closed_s.get(window.window, -1)
    if is_new:
        subject = subject_of(state.service, window)
        for rule in rules:
            alarm = alarm_of(series.alarms, rule)
            if rule.kind in DETECTOR_OF:
                verdict = opinions.verdict(rule, state.service, window, alarm)
            else:
                verdict = _verdict(series, rule, window)
            apply(alarm, verdict, rule, subject, observation, book, outcome)
    if window.final:
        _learn(series, window, rules, outcome)
        if is_new:
            divide(state, series, window, observation, book, outcome)


def _verdict(series: SeriesState, rule: Rule, window: Aggregate) -> Verdict | None:
    if rule.kind == "ratio":
        return None  # when both windows are closed
    if rule.kind == "change":
        return relations.judge_change(rule, series, window)
    usual = threshold.usual_count(series.counts.get(window.window, ()))
    return threshold.judge(rule, window, usual)


def _learn(series: SeriesState, window: Aggregate, rules: list[Rule], outcome: Outcome) -> None:
    if window.start_s > series.closed_s.get(window.window, -1):
        series.closed_s[window.window] = window.start_s
        counts = series.counts.setdefault(window.window, [])
        counts.append(window.count)
        del counts[:-_COUNTS_KEPT]
        relations.remember(series, rules, window)
    outcome.changed.add(window.series)
