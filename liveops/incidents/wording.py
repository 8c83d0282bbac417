"""What an incident says of its detections: origin, severity, title, description."""

from __future__ import annotations

from typing import Any

from liveops.incidents.bounds import rank
from liveops.incidents.state import Group
from liveops.incidents.topology import Topology
from schema.incidents import Detection, fingerprint_of, worst

_DESCRIBED = 8
_NAMED = 50


def origin(group: Group, topology: Topology) -> str:
    """Most likely cause: a service none of whose dependencies is in the group; the earliest."""
    members = list(group.members.values())
    services = {item.service_name for item in members}
    ends = {name for name in services if not services & topology.below(name).keys()}
    deepest = [item for item in members if item.service_name in ends]
    return min(deepest or members, key=rank).service_name


def content(group: Group, topology: Topology) -> dict[str, Any]:
    """Values of the incident's fields as the group stands."""
    members = sorted(group.members.values(), key=rank)
    service = origin(group, topology)
    services = sorted({item.service_name for item in members}.union(group.services))
    at_origin = [item for item in members if item.service_name == service]
    others = [name for name in services if name != service]
    severities = [item.severity for item in members]
    if group.gravest is not None:
        severities.append(group.gravest)
    return {
        "title": _title(service, min(at_origin, key=_telling), others),
        "description": _description(members, service, others, group.dropped),
        "severity": worst(severities),
        "service_name": service,
        "affected_services": services,
        "fingerprint": fingerprint_of(service, [item.metric_type for item in at_origin]),
        "detections": members,
        "detections_dropped": group.dropped,
        "stale": any(item.state == "no_data" for item in members),
        "offsets": {group.topic: {str(group.partition): [group.first_offset, group.last_offset]}},
    }


def _telling(item: Detection) -> tuple[bool, float, float, str]:
    """Order of what the title names: active, earliest, strongest."""
    return item.state == "resolved", *rank(item)


def _title(service: str, item: Detection, others: list[str]) -> str:
    title = f"{service}: {_what(item)}"
    if others:
        title += f", {len(others)} more service{'s' * (len(others) > 1)} affected"
    return title


def _what(item: Detection) -> str:
    if item.detector == "no_data":
        return "no data"
    if item.expected is None:
        bound = item.upper if item.upper is not None else item.lower
        return f"{item.metric_type} {item.value:.4g} breaks its limit {bound or 0.0:.4g}"
    side = "above" if item.value > item.expected else "below"
    return f"{item.metric_type} {item.value:.4g}, {side} the usual {item.expected:.4g}"


def _description(members: list[Detection], service: str, others: list[str], dropped: int) -> str:
    lines = [f"Most likely origin: {service}."]
    if others:
        unnamed = len(others) - _NAMED
        named = ", ".join(others[:_NAMED]) + (f" and {unnamed} more" if unnamed > 0 else "")
        lines.append(f"Also affected: {named}.")
    lines += [
        f"{item.service_name} {item.metric_type} ({item.detector}, {item.window}): {item.reason}."
        for item in members[:_DESCRIBED]
    ]
    more = max(0, len(members) - _DESCRIBED) + dropped
    if more:
        lines.append(f"And {more} more detections.")
    return "\n".join(lines)
