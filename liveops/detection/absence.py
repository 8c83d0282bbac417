"""The fold's other half: what the passing of time without data says. Pure.

Absence is of data; a *silence* is what a person declares to mute detections. A rule on
absence watches a service as a whole, each metric type of a living service, or each series
it chooses (`scope`); its window is the least absence that means something.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from liveops.detection import no_data
from liveops.detection.alarm import Observation, data_missing, over, step
from liveops.detection.report import Outcome, Subject, alarm_of, observation_of, publish
from liveops.detection.retire import retire
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import Alarm, Rhythm, SeriesState, ServiceDetectors, Verdict
from schema.incidents import WHOLE
from schema.metrics import WINDOW_S, Aggregate
from schema.rules import Rule

#: An alarm of a series without data is given up after this; what comes later is another one.
GIVEN_UP_AFTER_S = 86_400.0


def judge_absence(
    state: ServiceDetectors, now_s: float, book: RuleBook, since_s: float = 0.0
) -> Outcome:
    """Judge what is missing at `now_s`, broker time up to which everything has been read.

    Absence counts from `since_s` on, when we began to listen.
    """
    outcome = Outcome()
    retire(state, book, outcome)
    if not no_data.is_live(state.presence):
        return outcome
    look = _Look(state, now_s, since_s, book, outcome)
    _judge_service(look)
    _judge_metrics(look)
    for key, series in state.series.items():
        _judge_series(look, key, series)
    _mark_missing(state, now_s - max(0.0, since_s - state.presence.broker_s), look.at_s, outcome)
    return outcome


class _Look:
    """One look at a service: what is judged, when, and where it is told."""

    def __init__(
        self,
        state: ServiceDetectors,
        now_s: float,
        since_s: float,
        book: RuleBook,
        outcome: Outcome,
    ) -> None:
        self.state, self.now_s, self.since_s = state, now_s, since_s
        self.book, self.outcome = book, outcome
        presence = state.presence
        #: Event time now.
        self.at_s = presence.event_s + now_s - presence.broker_s

    def judge(
        self, alarm: Alarm, rule: Rule, rhythm: Rhythm, limit_s: float, subject: Subject
    ) -> None:
        verdict = no_data.verdict(rhythm, self.now_s, self.since_s, limit_s)
        observation = Observation(rhythm.event_s, rhythm.event_s + 60.0, self.at_s, final=False)
        before = alarm.phase, alarm.pending_s
        change = step(alarm, verdict, observation, rule)
        publish(alarm, rule, verdict, subject, self.at_s, change, self.book, self.outcome)
        if (alarm.phase, alarm.pending_s) != before:
            self.outcome.touch(subject)


def _judge_service(look: _Look) -> None:
    presence = look.state.presence
    for rule in look.book.on_presence(look.state.service, "service"):
        if no_data.is_known(presence, no_data.LEARNING_S):
            limit_s = no_data.silence_limit_s(presence, WINDOW_S[rule.window])
            alarm = alarm_of(presence.alarms, rule)
            look.judge(alarm, rule, presence, limit_s, _whole(look.state))


def _judge_metrics(look: _Look) -> None:
    """Metric types of which every series is silent while others of the service are not."""
    presence = look.state.presence
    rules = look.book.on_presence(look.state.service, "metric")
    silent_s = look.now_s - max(presence.broker_s, look.since_s)
    if not rules or silent_s > no_data.silence_limit_s(presence):
        return
    for metric_type, members in _by_metric(look.state.series.values()).items():
        known = [item for item in members if no_data.is_known(item, no_data.LEARNING_S)]
        if not known:
            continue
        newest_s = max(series.broker_s for series in members)
        rhythm = max(known, key=lambda series: series.broker_s)
        subject = _metric(look.state, metric_type, newest_s)
        for rule in rules:
            limit_s = no_data.rest_limit_s(rhythm, WINDOW_S[rule.window])
            if look.now_s - max(newest_s, look.since_s) > limit_s:
                alarms = presence.metric_alarms.setdefault(metric_type, {})
                look.judge(alarm_of(alarms, rule), rule, rhythm, limit_s, subject)


def _by_metric(all_series: Iterable[SeriesState]) -> dict[str, list[SeriesState]]:
    found: dict[str, list[SeriesState]] = {}
    for series in all_series:
        found.setdefault(series.metric_type, []).append(series)
    return found


def _judge_series(look: _Look, key: str, series: SeriesState) -> None:
    state = look.state
    rules = look.book.for_series(state.service, key, series.metric_type, series.tags).absence
    if not rules or not no_data.is_known(series):
        return
    subject = Subject(state.service, key, series.metric_type, series.tags, "1m", series.broker_s)
    for rule in rules:
        limit_s = no_data.silence_limit_s(series, WINDOW_S[rule.window])
        look.judge(alarm_of(series.alarms, rule), rule, series, limit_s, subject)


def _whole(state: ServiceDetectors) -> Subject:
    return Subject(state.service, WHOLE, WHOLE, {}, "1m", state.presence.broker_s, of_series=False)


def _metric(state: ServiceDetectors, metric_type: str, broker_s: float) -> Subject:
    return Subject(state.service, metric_type, metric_type, {}, "1m", broker_s, of_series=False)


def _mark_missing(state: ServiceDetectors, now_s: float, at_s: float, outcome: Outcome) -> None:
    """Mark firing series that give no more data; give up those that have none for a day."""
    usual_s = no_data.silence_limit_s(state.presence)
    for key, series in state.series.items():
        silent_s = now_s - series.broker_s
        if silent_s <= max(2 * no_data.LEAST_SILENCE_S, usual_s):
            continue
        for alarm in series.alarms.values():
            if alarm.detection is not None and alarm.detection.detector == "no_data":
                continue
            if silent_s > GIVEN_UP_AFTER_S and over(alarm):
                outcome.changed.add(key)
            if not data_missing(alarm):
                continue
            outcome.changed.add(key)
            if alarm.detection is not None:
                alarm.detection = msgspec.structs.replace(
                    alarm.detection, state="no_data", at_s=at_s
                )
                outcome.detections.append(alarm.detection)


def data_again(
    state: ServiceDetectors, windows: list[Aggregate], book: RuleBook, outcome: Outcome
) -> None:
    """Closed minutes of what was missing are healthy sights of it."""
    presence = state.presence
    for window in windows:
        if not window.final or window.window != "1m":
            continue
        series = state.series[window.series]
        subject = Subject(
            state.service, window.series, window.metric_type, window.tags, "1m", series.broker_s
        )
        of_metric = presence.metric_alarms.get(window.metric_type, {})
        metric = _metric(state, window.metric_type, window.broker_time_s)
        for alarms, about in (
            (presence.alarms, _whole(state)),
            (of_metric, metric),
            (series.alarms, subject),
        ):
            _healthy(alarms, about, window, book, outcome)
        if of_metric and all(alarm.phase != "firing" for alarm in of_metric.values()):
            del presence.metric_alarms[window.metric_type]
            outcome.presence_changed = True


def _healthy(
    alarms: dict[str, Alarm], subject: Subject, window: Aggregate, book: RuleBook, outcome: Outcome
) -> None:
    for rule_id, alarm in alarms.items():
        rule = book.rules.get(rule_id)
        if rule is None or rule.kind != "no_data" or alarm.phase != "firing":
            continue
        verdict = Verdict(False, True, 0.0, None, None, None, 0.0, "data again")
        change = step(alarm, verdict, observation_of(window, None), rule)
        publish(alarm, rule, verdict, subject, float(window.end_s), change, book, outcome)
        outcome.touch(subject)
