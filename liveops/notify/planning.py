"""What is to be told to a receiver of an incident's next version. Pure.

Told are an opening, changes of severity, affected services and assignee, acknowledgement,
resolution and reopening. What has not left yet gives way to what is newer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from liveops.notify.receiver import Receiver
from liveops.notify.routing import due_s, wants

Event = Literal["opened", "changed", "acknowledged", "resolved", "reopened"]
OPENINGS = ("opened", "reopened")
#: A further service is told so long after the last message, each time twice as long.
GROUP_S, GROUP_AT_MOST_S = 5.0, 300.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How an incident stood when its receivers were last chosen."""

    version: int
    status: str
    severity: str
    affected_services: tuple[str, ...]
    assignee: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """A row of what was told to whom; `tried` when it may have left. Times in epoch seconds."""

    delivery_id: str
    version: int
    event: str
    state: str
    tried: bool
    due_s: float
    done_s: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What to add, if anything, and what gives way to it or is no longer worth telling."""

    event: str | None = None
    due_s: float = 0.0
    superseded: list[str] = field(default_factory=list)


def standing_of(incident: Mapping[str, Any]) -> Standing:
    """What is compared of an incident (its public form)."""
    return Standing(
        incident["version"],
        incident["status"],
        incident["severity"],
        tuple(incident["affected_services"]),
        incident["assignee"],
    )


def event_of(before: Standing | None, now: Standing) -> Event | None:
    """What happened between two versions; None when it is nothing to tell."""
    if before is None:
        if now.version == 1:
            return "opened"
        return "resolved" if now.status == "resolved" else "changed"
    if before.version >= now.version:
        return None
    if before.status != now.status:
        if before.status == "resolved":
            return "reopened"
        return "resolved" if now.status == "resolved" else "acknowledged"
    if is_urgent(before, now) or set(before.affected_services) != set(now.affected_services):
        return "changed"
    return None


def is_urgent(before: Standing | None, now: Standing) -> bool:
    """Whether more changed than the affected services."""
    if before is None:
        return True
    return (before.severity, before.assignee) != (now.severity, now.assignee)


def plan(
    receiver: Receiver,
    event: Event,
    incident: Mapping[str, Any],
    rows: Sequence[Told],
    now_s: float,
    *,
    urgent: bool,
) -> Step:
    """The step for one receiver; `rows` are what it was told of this incident so far."""
    if event in OPENINGS:
        return Step(event, due_s(receiver, now_s)) if wants(receiver, incident) else Step()
    known = sorted((row for row in rows if row.state != "superseded"), key=lambda r: r.version)
    last = known[-1] if known else None
    if last is not None and last.event in OPENINGS and last.state == "waiting" and not last.tried:
        return _before_the_opening(receiver, event, incident, last, now_s)
    if last is not None and last.event != "resolved":
        return _told_before(event, known, now_s, urgent=urgent)
    late = receiver.after_s > 0 and incident["status"] != "open"
    if event == "changed" and incident["status"] != "resolved" and not late:
        if wants(receiver, incident):
            return Step("opened", due_s(receiver, now_s))
    return Step()


def _before_the_opening(
    receiver: Receiver, event: Event, incident: Mapping[str, Any], opening: Told, now_s: float
) -> Step:
    """The receiver does not know yet: it hears of how things stand then, or not at all."""
    if event == "changed":
        if not wants(receiver, incident):
            return Step(superseded=[opening.delivery_id])
        return Step(opening.event, opening.due_s, [opening.delivery_id])
    if opening.due_s > now_s:
        return Step(superseded=[opening.delivery_id])
    return Step(event, now_s)


def _told_before(event: Event, known: Sequence[Told], now_s: float, *, urgent: bool) -> Step:
    old = [r for r in known if r.event == "changed" and r.state == "waiting" and not r.tried]
    at_s = now_s
    if event == "changed" and not urgent:
        count = sum(row.event == "changed" and row.state == "delivered" for row in known)
        pause_s = min(GROUP_S * 2 ** min(count, 10), GROUP_AT_MOST_S)
        at_s = max(now_s, max((r.done_s or now_s for r in known), default=now_s) + pause_s)
        at_s = min([at_s, *(row.due_s for row in old)])
    return Step(event, at_s, [row.delivery_id for row in old])
