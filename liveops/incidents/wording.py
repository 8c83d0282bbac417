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
    services = {detection.service_name for detection in members}
    ends = {name for name in services if not services & topology.below(name).keys()}
    deepest = [detection for detection in members if detection.service_name in ends]
    return min(deepest or members, key=rank).service_name


def content(group: Group, topology: Topology) -> dict[str, Any]:
    """Values of the incident's fields as the group stands."""
    members = sorted(group.members.values(), key=rank)
    service = origin(group, topology)
    services = sorted({detection.service_name for detection in members}.union(group.services))
    at_origin = [detection for detection in members if detection.service_name == service]
    others = [name for name in services if name != service]
    severities = [detection.severity for detection in members]
    if group.gravest is not None:
        severities.append(group.gravest)
    return {
        "title": _title(service, min(at_origin, key=_telling), others),
        "description": _description(members, service, others, group.dropped),
        "severity": worst(severities),
        "service_name": service,
        "affected_services": services,
        "fingerprint": fingerprint_of(service, [detection.metric_type for detection in at_origin]),
        "detections": members,
        "detections_dropped": group.dropped,
        "stale": any(detection.state == "no_data" for detection in members),
        "offsets": {group.topic: {str(group.partition): [group.first_offset, group.last_offset]}},
    }


def _telling(detection: Detection) -> tuple[bool, float, float, str]:
    """Order of what the title names: active, earliest, strongest."""
    return detection.state == "resolved", *rank(detection)


def _title(service: str, detection: Detection, others: list[str]) -> str:
    title = f"{service}: {_what(detection)}"
    if others:
        title += f", {len(others)} more service{'s' * (len(others) > 1)} affected"
    return title


def _what(detection: Detection) -> str:
    if detection.detector == "no_data":
        return "no data"
    if detection.expected is None:
        bound = detection.upper if detection.upper is not None else detection.lower
        return f"{detection.metric_type} {detection.value:.4g} breaks its limit {bound or 0.0:.4g}"
    side = "above" if detection.value > detection.expected else "below"
    return (
        f"{detection.metric_type} {detection.value:.4g}, {side} the usual {detection.expected:.4g}"
    )


def _description(members: list[Detection], service: str, others: list[str], dropped: int) -> str:
    lines = [f"Most likely origin: {service}."]
    if others:
        unnamed = len(others) - _NAMED
        named = ", ".join(others[:_NAMED]) + (f" and {unnamed} more" if unnamed > 0 else "")
        lines.append(f"Also affected: {named}.")
    lines += [
        f"{detection.service_name} {detection.metric_type} "
        f"({detection.detector}, {detection.window}): {detection.reason}."
        for detection in members[:_DESCRIBED]
    ]
    more = max(0, len(members) - _DESCRIBED) + dropped
    if more:
        lines.append(f"And {more} more detections.")
    return "\n".join(lines)
