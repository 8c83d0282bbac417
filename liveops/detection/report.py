"""How a change of an alarm becomes a detection to publish. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from liveops.detection.alarm import Change, Observation
from liveops.detection.forecast import FitRequest
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import Alarm, Verdict
from schema.ids import detection_id
from schema.incidents import Detection
from schema.metrics import Aggregate
from schema.rules import Rule

#: Name of "the service as a whole" where a metric or series is asked for.
WHOLE = "*"


@dataclass(slots=True)
class Outcome:
    """What a fold gives: detections to publish, series to store, fits to order."""

    detections: list[Detection] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    #: Series that are no more; what is stored of them is to be deleted.
    forgotten: set[str] = field(default_factory=set)
    #: How many series were seen for the first time.
    created: int = 0
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


def observation_of(window: Aggregate, reached_s: float | None) -> Observation:
    """When a window was seen; `reached_s` is the watermark while it is open."""
    at_s = float(window.end_s)
    if not window.final:
        at_s = min(at_s, max(float(window.start_s), reached_s or 0.0))
    return Observation(window.start_s, window.end_s, at_s, window.final)


def alarm_of(alarms: dict[str, Alarm], rule: Rule) -> Alarm:
    """The rule's alarm; a changed rule starts a quiet one anew, a firing one goes on."""
    alarm = alarms.get(rule.id)
    if alarm is None:
        alarm = alarms[rule.id] = Alarm(rule.version)
    elif alarm.rule_version != rule.version:
        alarm.rule_version = rule.version
        if alarm.phase not in ("firing", "no_data"):
            alarm.pending_s = None
    return alarm


def publish(
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
        if subject.series == WHOLE:
            outcome.presence_changed = True
        else:
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
