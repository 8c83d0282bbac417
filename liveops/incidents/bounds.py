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


def rank(item: Detection) -> tuple[float, float, str]:
    """Order of detections: the earliest, then the strongest."""
    return item.onset_s, -item.score, item.id


def prune(group: Group) -> None:
    """Drop detections above the bounds: those over first, of each service the earliest last."""
    members = group.members
    size = len(msgspec.json.encode(list(members.values())))
    if len(members) <= MAX_MEMBERS and size <= MAX_MEMBER_BYTES:
        return
    for item in _expendable(group):
        if len(members) <= MAX_MEMBERS and size <= MAX_MEMBER_BYTES:
            break
        size -= _size(item)
        _drop(group, item)


def _expendable(group: Group) -> list[Detection]:
    ranked = sorted(group.members.values(), key=rank)
    earliest: dict[str, str] = {}
    for item in ranked:
        earliest.setdefault(item.service_name, item.id)
    kept = set(earliest.values())
    later = sorted(
        ranked[_FIRST:], key=lambda item: (item.id in kept, item.state != "resolved", *rank(item))
    )
    return later + ranked[1:_FIRST][::-1]


def _size(item: Detection) -> int:
    return len(msgspec.json.encode(item))


def _drop(group: Group, item: Detection) -> None:
    del group.members[item.id]
    group.dropped += 1
    group.gravest = worst([item.severity, group.gravest or item.severity])
    if item.service_name not in group.services and len(group.services) < MAX_SERVICES:
        group.services.append(item.service_name)
    if item.state != "resolved" and len(group.under_way) < _MAX_UNDER_WAY:
        group.under_way.add(item.id)
