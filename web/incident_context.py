"""What surrounds an incident: changes of its services at that time, and links to look further."""

from __future__ import annotations

from typing import Any

from schema.feedback import ChangeEvent, public_change
from schema.incidents import Incident
from schema.service_cards import ServiceCard, fill_link
from schema.times import format_time, parse_time_s

#: Changes so long before an incident may have to do with it.
BEFORE_S = 3600.0
#: Changes on a timeline, the newest.
MAX_CHANGES = 200


def links_of(incident: Incident, card: ServiceCard, now_s: float) -> dict[str, str]:
    """The links of its service for its time and first metric, by name."""
    from_s = incident.detected_at_s - BEFORE_S
    to_s = incident.resolved_at_s or now_s
    own = [one for one in incident.detections if one.service_name == incident.service_name]
    values = {
        "service": incident.service_name,
        "metric": own[0].metric_type if own else "",
        "from": format_time(from_s),
        "to": format_time(to_s),
        "from_ms": str(int(from_s * 1000)),
        "to_ms": str(int(to_s * 1000)),
        "incident": incident.id,
    }
    return {name: fill_link(template, values) for name, template in card.links.items()}


def span_of_changes(incident: Incident, now_s: float) -> tuple[float, float]:
    """When a change may belong to it: from an hour before its first sign until it is resolved."""
    onset_s = min([incident.detected_at_s, *(one.onset_s for one in incident.detections)])
    return max(0.0, onset_s - BEFORE_S), max(incident.resolved_at_s or now_s, onset_s)


def event_of_change(change: ChangeEvent) -> dict[str, Any]:
    """A change as a line of a timeline."""
    shown = public_change(change)
    return {
        "id": change.id,
        "at": shown["at"],
        "kind": "event",
        "actor": change.created_by,
        "data": {"change": change.kind}
        | {name: shown[name] for name in ("service_name", "title", "url", "tags")},
    }


def place_of_event(event: dict[str, Any]) -> list[str]:
    """The sort key of a line, as text: its time, then its padded id."""
    return [f"{parse_time_s(event['at']):017.6f}", event["id"].rjust(36)]
