"""The fold's other half: what the passing of time without data says. Pure.

Absence is of data; a *silence* is what a person declares to mute detections.
"""

from __future__ import annotations

import msgspec

from liveops.detection import no_data
from liveops.detection.alarm import Observation, data_missing, step
from liveops.detection.report import WHOLE, Outcome, Subject, alarm_of, observation_of, publish
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import Presence, ServiceDetectors, Verdict
from schema.metrics import Aggregate
from schema.rules import Rule


def judge_absence(
    state: ServiceDetectors, now_s: float, book: RuleBook, since_s: float = 0.0
) -> Outcome:
    """Judge silence at `now_s`, broker time up to which everything has been read.

    Silence counts from `since_s` on, when we began to listen.
    """
    outcome = Outcome()
    presence = state.presence
    if not no_data.is_live(presence):
        return outcome
    verdict = no_data.judge(presence, now_s, since_s)
    at_s = presence.event_s + now_s - presence.broker_s
    if verdict is not None:
        subject = _whole(state)
        observation = Observation(presence.event_s, presence.event_s + 60.0, at_s, final=False)
        for rule in book.for_presence(state.service):
            alarm = alarm_of(presence.alarms, rule)
            before = alarm.phase, alarm.pending_s
            change = step(alarm, verdict, observation, rule)
            publish(alarm, rule, verdict, subject, at_s, change, book, outcome)
            outcome.presence_changed |= (alarm.phase, alarm.pending_s) != before
    _mark_missing(state, now_s - max(0.0, since_s - presence.broker_s), at_s, outcome)
    return outcome


def _whole(state: ServiceDetectors) -> Subject:
    return Subject(state.service, WHOLE, WHOLE, {}, "1m", state.presence.broker_s)


def _mark_missing(state: ServiceDetectors, now_s: float, at_s: float, outcome: Outcome) -> None:
    """Mark firing series that give no more data."""
    usual_s = no_data.silence_limit_s(state.presence)
    for key, series in state.series.items():
        if now_s - series.broker_s <= max(2 * no_data.LEAST_SILENCE_S, usual_s):
            continue
        for alarm in series.alarms.values():
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
    """Closed windows of a service that was silent are healthy sights of its presence."""
    presence: Presence = state.presence
    firing = [r for r in book.for_presence(state.service) if _is_firing(presence, r)]
    for window in windows if firing else ():
        if not window.final or window.window != "1m":
            continue
        verdict = Verdict(False, True, 0.0, None, None, None, 0.0, "data again")
        for rule in firing:
            alarm = presence.alarms[rule.id]
            change = step(alarm, verdict, observation_of(window, None), rule)
            publish(alarm, rule, verdict, _whole(state), float(window.end_s), change, book, outcome)
            outcome.presence_changed = True


def _is_firing(presence: Presence, rule: Rule) -> bool:
    alarm = presence.alarms.get(rule.id)
    return alarm is not None and alarm.phase == "firing"
