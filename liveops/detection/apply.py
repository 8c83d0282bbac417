"""One verdict on one series: its alarm moves, and what changed is told. Pure."""

from __future__ import annotations

from liveops.detection.alarm import Observation, step
from liveops.detection.report import Outcome, Subject, publish
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import Alarm, Verdict
from schema.metrics import Aggregate
from schema.rules import Rule


def subject_of(service: str, window: Aggregate) -> Subject:
    """What a verdict on a window is about."""
    return Subject(
        service,
        window.series,
        window.metric_type,
        window.tags,
        window.window,
        window.broker_time_s,
    )


def apply(
    alarm: Alarm,
    verdict: Verdict | None,
    rule: Rule,
    subject: Subject,
    observation: Observation,
    book: RuleBook,
    outcome: Outcome,
) -> None:
    """Move the alarm; None is no verdict."""
    before = (alarm.phase, alarm.pending_s, alarm.healthy)
    change = step(alarm, verdict, observation, rule)
    if verdict is not None:
        publish(alarm, rule, verdict, subject, observation.at_s, change, book, outcome)
    if change or (alarm.phase, alarm.pending_s, alarm.healthy) != before:
        outcome.changed.add(subject.series)
