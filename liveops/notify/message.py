"""What is told to a receiver, and the request that carries it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schema.ids import derived_id

#: How the description of a merged incident ends (liveops/incidents/fold.py).
_MERGED = re.compile(r"Merged into incident ([0-9a-f-]{36})\.")
SIGNS = {
    "opened": "Opened",
    "changed": "Changed",
    "acknowledged": "Acknowledged",
    "resolved": "Resolved",
    "reopened": "Reopened",
    "silence_begun": "Silence begun",
    "silence_ended": "Silence ended",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One event of an incident (its public form) for one receiver.

    Of the events of a silence `incident` is the silence. `reference` is what the provider calls
    the message that told of this one before.
    """

    delivery_id: str
    event: str
    incident: Mapping[str, Any]
    sent_at_s: float
    link: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP POST."""

    url: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def is_of_silence(notice: Notice) -> bool:
    """Whether it tells of a silence."""
    return notice.event.startswith("silence_")


def delivery_id(receiver_id: str, incident_id: str, version: int) -> str:
    """The same in every retry and copy."""
    return derived_id("delivery", receiver_id, incident_id, version)


def merged_into(incident: Mapping[str, Any]) -> str | None:
    """The incident that a resolved one was merged into."""
    if incident["status"] != "resolved":
        return None
    found = _MERGED.findall(incident["description"])
    return str(found[-1]) if found else None


def headline(notice: Notice) -> str:
    """One line: what happened, how grave it is, and what it is about."""
    incident = notice.incident
    if is_of_silence(notice):
        return f"{SIGNS[notice.event]}: {incident['service']} {incident['metric']}"
    return f"{SIGNS[notice.event]} ({incident['severity']}): {incident['title']}"


def lines(notice: Notice) -> list[str]:
    """What a person wants to know besides the headline."""
    incident = notice.incident
    if is_of_silence(notice):
        found = [f"Until: {incident['ends_at']}", f"Reason: {incident['reason']}",
                 f"By: {incident['created_by']}"]  # fmt: skip
        return [*found, notice.link] if notice.link else found
    services = incident["affected_services"] or [incident["service_name"]]
    shown = ", ".join(services[:10]) + (f" and {len(services) - 10} more" * (len(services) > 10))
    found = [f"Services: {shown}", f"Since: {incident['detected_at']}"]
    if incident["resolved_at"]:
        found.append(f"Resolved: {incident['resolved_at']}")
    if incident["assignee"]:
        found.append(f"Assignee: {incident['assignee']}")
    target = merged_into(incident)
    if target:
        found.append(f"Merged into incident {target}")
    if notice.event in ("opened", "reopened") and incident["description"]:
        found.append(incident["description"][:1000])
    if notice.link:
        found.append(notice.link)
    return found
