"""Silences as requests describe them and answers show them."""

from __future__ import annotations

import math
from typing import Any
from uuid import uuid4

import msgspec

from liveops.detection.silencing import Muting
from liveops.errors import InvalidInput, Issue
from schema.incidents import Incident
from schema.rules import Silence
from schema.times import format_time
from web.models.config import SilenceBody


def shown(silence: Silence, now_s: float) -> dict[str, Any]:
    """JSON form of HTTP answers: with whether it holds now, and when that changes."""
    muting = Muting(silence)
    span, change_s = muting.span_at(now_s), muting.next_change_s(now_s)
    told: dict[str, Any] = msgspec.to_builtins(silence)
    return told | {
        "active": span is not None,
        "changes_at": None if change_s is None else format_time(change_s),
    }


def silence_from(body: SilenceBody, user: str, now_s: float, silence_id: str = "") -> Silence:
    """The silence that a body describes, with a new id unless one is given; raises InvalidInput."""
    # A whole second: what is made now holds now, however its times are rounded.
    starts_s = body.starts_at.timestamp() if body.starts_at else math.floor(now_s)
    ends_s = body.ends_at.timestamp()
    if ends_s <= max(starts_s, now_s):
        why = "must be after starts_at and in the future"
        raise InvalidInput(f"ends_at {why}", [Issue(["ends_at"], why)])
    silence = Silence(
        id=silence_id or str(uuid4()),
        service=body.service,
        metric=body.metric,
        severity=body.severity,
        starts_at=format_time(starts_s),
        ends_at=format_time(ends_s),
        reason=body.reason,
        created_by=user,
        tags=body.tags,
        rrule=body.rrule,
        duration_s=body.duration_s,
        zone=(body.zone or "UTC") if body.rrule else None,
    )
    try:
        Muting(silence)
    except ValueError as error:
        raise InvalidInput(str(error), [Issue(["rrule"], str(error))]) from None
    return silence


def silence_of(
    incident: Incident, duration_s: float, reason: str, user: str, now_s: float
) -> Silence:
    """A silence for the incident's service, and for its metric where there is only one."""
    own = {
        one.metric_type for one in incident.detections if one.service_name == incident.service_name
    }
    begin_s = math.floor(now_s)
    return Silence(
        id=str(uuid4()),
        service=incident.service_name,
        metric=own.pop() if len(own) == 1 else "*",
        starts_at=format_time(begin_s),
        ends_at=format_time(begin_s + duration_s),
        reason=reason or incident.title,
        created_by=user,
    )
