"""What an incident says of its detections: origin, severity, title, description."""

from __future__ import annotations

import math
from typing import Any

from liveops.incidents.bounds import rank
from liveops.incidents.flapping import QUIET_S, flaps
from liveops.incidents.impact import severity
from liveops.incidents.sentences import figure, title
from liveops.incidents.state import Group
from liveops.incidents.topology import Topology
from liveops.rca.kinds import meaning
from schema.incidents import FEED, WHOLE, Detection, fingerprint_of
from schema.times import format_time

_DESCRIBED = 8
_NAMED = 50
_FLAPS = (
    "It comes and goes: it stays open until it has been quiet for "
    f"{QUIET_S / 60:.0f} minutes, and its turns are not told."
)


def is_load(detection: Detection) -> bool:
    """Whether it is about how much a service is asked to do, which its callers decide."""
    return meaning(detection.metric_type).kind == "load"


def origin(group: Group, topology: Topology) -> str:
    """Most likely cause: a service none of whose dependencies is in the group; the earliest.

    Load comes down from the callers: it accounts for nothing but load.
    """
    if topology not in group.origins:
        group.origins[topology] = _origin(list(group.members.values()), topology)
    return group.origins[topology]


def _origin(members: list[Detection], topology: Topology) -> str:
    telling = [detection for detection in members if not is_load(detection)]
    services = {detection.service_name for detection in telling or members}
    if telling:
        ends = {name for name in services if not services & topology.below(name).keys()}
    else:
        ends = {name for name in services if not services & topology.above(name).keys()}
    deepest = [detection for detection in telling or members if detection.service_name in ends]
    return min(deepest or telling or members, key=rank).service_name


def content(group: Group, topology: Topology) -> dict[str, Any]:
    """Values of the incident's fields as the group stands."""
    members = sorted(group.members.values(), key=rank)
    service = FEED if group.feed else origin(group, topology)
    services = sorted({detection.service_name for detection in members}.union(group.services))
    at_origin = [d for d in members if group.feed or d.service_name == service]
    others = [name for name in services if name != service]
    severities = [detection.severity for detection in members]
    if group.gravest is not None:
        severities.append(group.gravest)
    return {
        "title": _feed_title(services)
        if group.feed
        else _title(service, min(at_origin, key=_telling), others),
        "description": _description(members, service, others, group),
        "severity": severity(severities, members, services, topology),
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
    text = f"{service}: {title(detection)}"
    if others:
        text += f", {len(others)} more service{'s' * (len(others) > 1)} affected"
    return text


def _feed_title(services: list[str]) -> str:
    return f"No metrics arrive: all {len(services)} services are silent"


def _description(members: list[Detection], service: str, others: list[str], group: Group) -> str:
    feed = "Nothing has reported since: the senders, the network or LiveOps itself."
    lines = [feed if service == FEED else f"Most likely origin: {service}."]
    if others:
        unnamed = len(others) - _NAMED
        named = ", ".join(others[:_NAMED]) + (f" and {unnamed} more" if unnamed > 0 else "")
        lines.append(f"Also affected: {named}.")
    if flaps(group):
        lines.append(_FLAPS)
    lines += [_line(detection) for detection in members[:_DESCRIBED]]
    more = max(0, len(members) - _DESCRIBED) + group.dropped
    if more:
        lines.append(f"And {more} more detections.")
    return "\n".join(lines)


def _line(detection: Detection) -> str:
    """One detection: where, what it says, how far out it was, since when."""
    since = format_time(math.floor(detection.onset_s))
    if detection.detector == "no_data":
        about = "" if detection.metric_type == WHOLE else f" {detection.metric_type}"
        return f"{detection.service_name}{about}: {detection.reason}, since {since}."
    said = detection.reason
    if detection.furthest != detection.value:
        said += f", at worst {figure(detection.furthest)}"
    where = f"{detection.service_name} {detection.metric_type}"
    return f"{where} ({detection.detector}, {detection.window}): {said}, since {since}."
