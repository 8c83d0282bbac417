"""How much of its detections a group keeps: the first, the newest, and a number for the rest."""

from __future__ import annotations

import msgspec

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


def prune(group: Group) -> None:
    """Drop detections above the bounds: those over first, of each service the earliest last."""
    members = group.members
    size = len(msgspec.json.encode(list(members.values())))
    if len(members) <= MAX_MEMBERS and size <= MAX_MEMBER_BYTES:
        return
    for detection in _expendable(group):
        if len(members) <= MAX_MEMBERS and size <= MAX_MEMBER_BYTES:
            break
        size -= _size(detection)
        _drop(group, detection)


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


def _size(detection: Detection) -> int:
    return len(msgspec.json.encode(detection))


def _drop(group: Group, detection: Detection) -> None:
    del group.members[detection.id]
    group.dropped += 1
    group.gravest = worst([detection.severity, group.gravest or detection.severity])
    if detection.service_name not in group.services and len(group.services) < MAX_SERVICES:
        group.services.append(detection.service_name)
    if detection.state != "resolved" and len(group.under_way) < _MAX_UNDER_WAY:
        group.under_way.add(detection.id)
