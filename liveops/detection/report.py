"""How a change of an alarm becomes a detection to publish. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from liveops.detection.alarm import Change, Observation
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import Alarm, Verdict
from schema.ids import detection_id
from schema.incidents import Detection
from schema.metrics import Aggregate
from schema.rules import Rule

#: A firing alarm is told again when its distance grew by this factor, this much later (s) ...
_WORSE = 1.1
_WORSE_AFTER_S = 10.0
#: ... or after this, and after this share of how long it lasts already.
_AGAIN_AFTER_S = 60.0
_SHARE_OF_EXCURSION = 0.1


@dataclass(slots=True)
class Outcome:
    """What a fold gives: detections to publish, series to store."""

    detections: list[Detection] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    #: Series that are no more; what is stored of them is to be deleted.
    forgotten: set[str] = field(default_factory=set)
    #: How many series were seen for the first time.
    created: int = 0
    presence_changed: bool = False

    def touch(self, subject: Subject) -> None:
        """What is remembered of the subject has changed and is to be stored."""
        if subject.of_series:
            self.changed.add(subject.series)
        else:
            self.presence_changed = True


@dataclass(frozen=True, slots=True)
class Subject:
    """What a verdict is about, as a detection names it."""

    service: str
    series: str
    metric_type: str
    tags: dict[str, str]
    window: str
    broker_s: float
    #: False for a service as a whole or one of its metric types.
    of_series: bool = True


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
    """Tell a change, now and then how a firing alarm stands; what is muted, when that ends."""
    if verdict.breach:
        alarm.peak = _further_out(alarm.peak, verdict)
    elif alarm.pending_s is None:
        alarm.peak = None
    told = alarm.detection
    if change == "resolved":
        if told is not None:
            outcome.detections.append(
                msgspec.structs.replace(
                    told,
                    state="resolved",
                    at_s=at_s,
                    broker_time_s=subject.broker_s,
                    reason=verdict.end_reason or told.reason,
                )
            )
        alarm.detection = None
        return
    if alarm.phase != "firing":
        return
    if verdict.breach and (told is None or change or _news(alarm, told, verdict, at_s)):
        fresh = _detection(alarm, rule, verdict, subject, at_s)
        if told is not None and not change:
            fresh = msgspec.structs.replace(fresh, broker_time_s=told.broker_time_s)
    elif told is not None and change == "firing":
        fresh = msgspec.structs.replace(
            told, state="firing", at_s=at_s, broker_time_s=subject.broker_s
        )
    else:
        return
    if book.mutes(rule, subject.service, subject.metric_type, subject.tags, at_s):
        return
    alarm.detection = fresh
    outcome.detections.append(fresh)
    outcome.touch(subject)


def _centre(verdict: Verdict) -> float:
    """What a value's distance is measured from: the expected one, or the limit."""
    if verdict.expected is not None:
        return verdict.expected
    return verdict.upper if verdict.upper is not None else verdict.lower or 0.0


def _further_out(peak: float | None, verdict: Verdict) -> float:
    centre = _centre(verdict)
    values = (verdict.value,) if peak is None else (peak, verdict.value)
    return max(values, key=lambda value: abs(value - centre))


def _news(alarm: Alarm, told: Detection, verdict: Verdict, at_s: float) -> bool:
    """Whether a firing alarm stands so differently that it is told again.

    At once when it got clearly worse, else ever more rarely. Absence only grows longer.
    """
    if told.detector == "no_data" or alarm.peak is None:
        return False
    passed_s, centre = at_s - told.at_s, _centre(verdict)
    if abs(alarm.peak - centre) > _WORSE * abs(told.furthest - centre):
        return passed_s >= _WORSE_AFTER_S
    rarely_s = max(_AGAIN_AFTER_S, _SHARE_OF_EXCURSION * (at_s - told.onset_s))
    return verdict.value != told.value and passed_s >= rarely_s


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
        peak=alarm.peak,
        labels={"rule": rule.name, "rule_version": str(rule.version)},
    )
