"""Whether and from when a receiver is told of an incident: by service, severity and hours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any
from zoneinfo import ZoneInfo

from liveops.notify.receiver import Hours, Receiver

#: Days in which hours that name a day begin at least once.
_WEEK_DAYS = 8


def wants(receiver: Receiver, incident: Mapping[str, Any]) -> bool:
    """Whether an incident (its public form) is one that the receiver is told of."""
    match = receiver.match
    if not receiver.enabled or (match.severities and incident["severity"] not in match.severities):
        return False
    services = {incident["service_name"], *incident["affected_services"]}
    return any(fnmatchcase(service, match.service) for service in services)


def due_s(receiver: Receiver, opened_s: float) -> float:
    """When the receiver is told of what opened at `opened_s`, unless it is over by then."""
    at_s = opened_s + receiver.after_s
    return at_s if receiver.match.hours is None else next_within(receiver.match.hours, at_s)


def next_within(hours: Hours, at_s: float) -> float:
    """`at_s` if it lies within the hours, else when they begin next. Times are epoch seconds."""
    zone = ZoneInfo(hours.zone)
    today = datetime.fromtimestamp(at_s, zone).date()
    for ahead in range(-1, _WEEK_DAYS):
        day = today + timedelta(days=ahead)
        if day.isoweekday() not in hours.days:
            continue
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        later = timedelta(days=1) if hours.end <= hours.start else timedelta()
        begin_s = _at(midnight, hours.start)
        if at_s < _at(midnight + later, hours.end):
            return max(at_s, begin_s)
    return at_s


def _at(midnight: datetime, minute: int) -> float:
    """A minute of the day by the wall clock of its zone, on days of 23 or 25 hours too."""
    if minute == 24 * 60:
        return (midnight + timedelta(days=1)).timestamp()
    return midnight.replace(hour=minute // 60, minute=minute % 60).timestamp()
