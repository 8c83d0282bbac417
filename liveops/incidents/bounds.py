"""How much of its detections a group keeps: the first, the newest, and a number for the rest."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from liveops.incidents.state import Group
from schema.incidents import Detection, worst

#: Detections a group keeps.
MAX_MEMBERS = 100
#: Bytes they take as JSON, together; one alone may be over it.
MAX_MEMBER_BYTES = 160 * 1024
#: The earliest tell where it began.
_FIRST = 20
#: Services an incident names beside those of its detections.
MAX_SERVICES = 200
#: Excursions under way that a group knows by their id only.
_MAX_UNDER_WAY = 5000


def rank(detection: Detection) -> tuple[float, float, str]:
    """Order of detections: the earliest, then the strongest."""
    return detection.onset_s, -detection.score, detection.id


def prune(group: Group) -> Group:
    """Drop detections above the bounds: those over first, of each service the earliest last."""
    if len(group.members) <= MAX_MEMBERS and group.size <= MAX_MEMBER_BYTES:
        return group
    members, size = dict(group.members), group.size
    dropped: list[Detection] = []
    for detection in _expendable(group):
        if len(members) <= MAX_MEMBERS and size <= MAX_MEMBER_BYTES:
            break
        size -= size_of(members.pop(detection.id))
        dropped.append(detection)
    return _without(replace(group, members=members, size=size), dropped)


def _expendable(group: Group) -> list[Detection]:
    ranked = sorted(group.members.values(), key=rank)
    earliest: dict[str, str] = {}
    for detection in ranked:
        earliest.setdefault(detection.service_name, detection.id)
    kept = set(earliest.values())
    later = sorted(
        ranked[_FIRST:],
        key=lambda detection: (
            detection.id in kept,
            detection.state != "resolved",
            *rank(detection),
        ),
    )
    return later + ranked[1:_FIRST][::-1]


def size_of(detection: Detection) -> int:
    """Bytes of a detection as JSON."""
    return len(msgspec.json.encode(detection))


def _without(group: Group, dropped: list[Detection]) -> Group:
    if not dropped:
        return group
    services = [*group.services, *(one.service_name for one in dropped)]
    firing = [one.id for one in dropped if one.state != "resolved"]
    room = max(0, _MAX_UNDER_WAY - len(group.under_way))
    return replace(
        group,
        dropped=group.dropped + len(dropped),
        gravest=worst([one.severity for one in dropped] + [group.gravest or "low"]),
        services=tuple(dict.fromkeys(services))[:MAX_SERVICES],
        under_way=group.under_way.union(firing[:room]),
    )
