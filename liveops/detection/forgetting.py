"""When a series or a service is forgotten, so that what is kept has a bound. Pure.

A series goes after two weeks of its service's own time without data, but never while an
alarm of it is open; above the count the longest silent go first, and only then open ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from liveops.detection.report import Outcome
from liveops.detection.state import Alarm, Presence, ServiceDetectors
from liveops.series.registry import Registry

FORGET_AFTER_S = 14 * 86_400.0
#: How often, in the service's time, it is looked for what has expired.
LOOK_EVERY_S = 3600.0


def is_open(alarms: Mapping[str, Alarm]) -> bool:
    """Whether one of the alarms is firing, or was when its data ended."""
    return any(alarm.phase in ("firing", "no_data") for alarm in alarms.values())


def expire(state: ServiceDetectors, clock_s: float, outcome: Outcome) -> None:
    """Forget the series without data for two weeks before `clock_s`, the service's event time."""
    for key in state.seen.expired(clock_s - FORGET_AFTER_S):
        if not is_open(state.series[key].alarms):
            forget_series(state, key, "", outcome)


def look_due(before_s: float, after_s: float) -> bool:
    """Whether a service's time, moving on, has passed an hour."""
    return before_s // LOOK_EVERY_S < after_s // LOOK_EVERY_S


def forget_silent(state: ServiceDetectors, now_s: float, outcome: Outcome) -> bool:
    """Forget what a service has silent at `now_s`, broker time up to which all was read.

    True when nothing of the service is left to remember.
    """
    presence = state.presence
    clock_s = presence.event_s + max(0.0, now_s - presence.broker_s)
    expire(state, clock_s, outcome)
    quiet = not state.series and not any(map(is_open, _of_presence(presence)))
    return quiet and presence.event_s < clock_s - FORGET_AFTER_S


def forget_series(state: ServiceDetectors, key: str, reason: str, outcome: Outcome) -> None:
    """Forget one series; an alarm of it that was told of ends with `reason`."""
    series = state.series.pop(key)
    state.seen.forget(key)
    outcome.changed.discard(key)
    outcome.forgotten.add(key)
    _end(series.alarms, state.presence, reason, outcome)


def forget_presence(state: ServiceDetectors, reason: str, outcome: Outcome) -> None:
    """Forget that a service was silent or not."""
    for alarms in _of_presence(state.presence):
        _end(alarms, state.presence, reason, outcome)
    state.presence = Presence()


def _of_presence(presence: Presence) -> list[Mapping[str, Alarm]]:
    return [presence.alarms, *presence.metric_alarms.values()]


def _end(alarms: Mapping[str, Alarm], presence: Presence, reason: str, outcome: Outcome) -> None:
    outcome.detections += [
        msgspec.structs.replace(
            alarm.detection,
            state="resolved",
            reason=reason,
            at_s=max(alarm.detection.at_s, presence.event_s),
        )
        for alarm in alarms.values()
        if alarm.detection is not None
    ]


def excess_of(states: Iterable[ServiceDetectors], count: int) -> list[tuple[str, str]]:
    """The `count` (service, series) to forget first: the longest without a record."""
    quiet: Registry[tuple[str, str]] = Registry()
    firing: Registry[tuple[str, str]] = Registry()
    for state in states:
        for key, series in state.series.items():
            chosen = firing if is_open(series.alarms) else quiet
            chosen.touch((state.service, key), series.broker_s)
    found = quiet.oldest(count)
    return found + firing.oldest(count - len(found))
