"""The alarm: the state machine of one series under one rule, one alarm an excursion.

learning → ok → firing → ok; firing ⇄ no_data. Only real data resolves: silence turns
`firing` into `no_data`, and the next data turn it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from liveops.detection.state import NEVER_S, Alarm, Verdict
from schema.rules import Rule

#: Healthy closed windows that end an excursion.
HEALTHY_WINDOWS = 2
#: For this many windows after an excursion a learned detector wants a lasting breach.
_COOL_DOWN_WINDOWS = 5
_EXACT = frozenset({"threshold", "ensemble", "shape", "change", "ratio"})

Change = Literal["firing", "resolved"]


@dataclass(frozen=True, slots=True)
class Observation:
    """When a verdict was made: the window, and the event time reached within it."""

    start_s: float
    end_s: float
    at_s: float
    final: bool


def step(
    alarm: Alarm, verdict: Verdict | None, observation: Observation, rule: Rule
) -> Change | None:
    """Move the alarm; says when an excursion begins to count or is over."""
    if verdict is None:
        return None
    if alarm.phase == "learning":
        alarm.phase = "ok"
    if verdict.breach:
        return _breach(alarm, observation, rule)
    if alarm.phase in ("firing", "no_data"):
        return _recover(alarm, verdict, observation, rule)
    if observation.start_s >= alarm.onset_s:
        alarm.pending_s = None
    return None


def data_missing(alarm: Alarm) -> bool:
    """The series gives no more data; True when it was firing."""
    if alarm.phase != "firing":
        return False
    alarm.phase = "no_data"
    return True


def over(alarm: Alarm) -> bool:
    """Give up an excursion whose series gives no more data; False when there is none."""
    if alarm.phase != "no_data":
        return False
    alarm.phase, alarm.pending_s, alarm.healthy = "ok", None, 0
    alarm.detection = alarm.peak = None
    return True


def _breach(alarm: Alarm, observation: Observation, rule: Rule) -> Change | None:
    if observation.start_s < alarm.healthy_start_s:
        return None
    alarm.healthy = 0
    alarm.breach_s = max(alarm.breach_s, observation.at_s)
    alarm.breach_start_s = max(alarm.breach_start_s, observation.start_s)
    if alarm.phase == "firing":
        return None
    if alarm.phase == "no_data":
        alarm.phase = "firing"
        return "firing"
    if alarm.pending_s is None:
        alarm.pending_s, alarm.onset_s = observation.at_s, observation.start_s
    lasted_s = observation.at_s - alarm.pending_s
    if lasted_s < max(rule.for_s, _cool_down_s(alarm, observation, rule)):
        return None
    alarm.phase = "firing"
    return "firing"


def _cool_down_s(alarm: Alarm, observation: Observation, rule: Rule) -> float:
    """How long a breach must last: one window soon after an excursion, else nothing.

    A threshold is a person's exact word and fires at once; what learns has its own patience.
    """
    size_s = observation.end_s - observation.start_s
    if rule.kind in _EXACT or alarm.calm_s == NEVER_S:
        return 0.0
    return size_s if observation.at_s - alarm.calm_s < _COOL_DOWN_WINDOWS * size_s else 0.0


def _recover(alarm: Alarm, verdict: Verdict, observation: Observation, rule: Rule) -> Change | None:
    newest_s = max(alarm.breach_start_s, alarm.healthy_start_s)
    if observation.final and verdict.healthy and observation.start_s > newest_s:
        alarm.healthy += 1
        alarm.healthy_start_s = observation.start_s
    lasted_s = observation.at_s - alarm.breach_s
    is_over = verdict.over or alarm.healthy >= HEALTHY_WINDOWS
    if is_over and lasted_s >= rule.keep_firing_for_s:
        alarm.phase, alarm.pending_s, alarm.healthy = "ok", None, 0
        alarm.calm_s = observation.at_s
        return "resolved"
    if alarm.phase == "no_data":
        alarm.phase = "firing"
        return "firing"
    return None
