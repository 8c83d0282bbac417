"""Groups made one and made two, by the correlator or by hand; both can be undone. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from liveops.errors import IllegalChange
from liveops.incidents.bounds import MAX_SERVICES, prune
from liveops.incidents.state import Command, Group, Groups
from liveops.incidents.telling import begin, tell
from liveops.incidents.topology import Topology
from schema.incidents import worst

#: Merged incidents that a group remembers, so that each can be taken out again.
_MAX_PARTS = 50


class Parted(NamedTuple):
    """The incident that people asked to be apart or together, the other one, what is to be done."""

    incident_id: str
    other_id: str
    commands: list[Command]


def merge(groups: Groups, gone: Group, into: Group) -> list[Command]:
    """Move the members; an incident that exists is resolved with a pointer."""
    into.members = gone.members | into.members
    into.dropped += gone.dropped
    into.services = sorted({*into.services, *gone.services})[:MAX_SERVICES]
    into.under_way |= gone.under_way
    if gone.gravest is not None:
        into.gravest = worst([gone.gravest, into.gravest or gone.gravest])
    into.apart |= gone.apart
    into.parts |= gone.parts
    if gone.opened:
        into.parts[gone.incident_id] = sorted(gone.members)
    into.parts = dict(list(into.parts.items())[-_MAX_PARTS:])
    prune(into)
    into.first_offset = min(into.first_offset, gone.first_offset)
    into.last_offset = max(into.last_offset, gone.last_offset)
    into.changed_s = max(into.changed_s, gone.changed_s)
    into.loud_s = max(into.loud_s, gone.loud_s)
    into.heard_s = max(into.heard_s, gone.heard_s)
    del groups[gone.incident_id]
    if not gone.opened:
        return []
    note = f"Merged into incident {into.incident_id}."
    return [Command("change", gone, {}, {}, "resolved", note)]


def are_apart(one: Group, other: Group) -> bool:
    """Whether a person has told them apart: the correlator does not make them one again."""
    return one.incident_id in other.apart or other.incident_id in one.apart


def split(
    groups: Groups, incident_id: str, services: Collection[str], new_id: str, topology: Topology
) -> Parted:
    """Take some services out of an incident into one of their own; raises IllegalChange."""
    group = groups.get(incident_id)
    if group is None or not group.opened:
        raise IllegalChange("the incident has no detections that go on or ended just now")
    ids = [one.id for one in group.members.values() if one.service_name in services]
    if not ids or len(ids) == len(group.members):
        raise IllegalChange("some of its services have to go, and some have to stay")
    part = _take_out(groups, group, ids, new_id)
    part.split_from = incident_id
    commands = [begin(part, topology), *tell(group, topology)]
    return Parted(new_id, incident_id, commands + (tell(part, topology) if part.quiet else []))


def undo(groups: Groups, incident_id: str, topology: Topology) -> Parted:
    """Put what was split off back, or take a merged incident out; raises IllegalChange."""
    group = groups.get(incident_id)
    into = None if group is None else groups.get(group.split_from)
    if group is not None and into is not None:
        group.apart.clear()
        into.apart.discard(incident_id)
        commands = merge(groups, group, into)
        return Parted(incident_id, into.incident_id, commands + tell(into, topology))
    holder = next((one for one in groups.values() if incident_id in one.parts), None)
    if holder is None:
        raise IllegalChange("the incident was neither split off nor merged, or it is over")
    ids = [one for one in holder.parts.pop(incident_id) if one in holder.members]
    if not ids or len(ids) == len(holder.members):
        raise IllegalChange("nothing of the incident is left that could go")
    part = _take_out(groups, holder, ids, incident_id)
    part.resolved = True  # as the merge has left it
    return Parted(incident_id, holder.incident_id, tell(holder, topology) + tell(part, topology))


def _take_out(groups: Groups, group: Group, ids: Collection[str], new_id: str) -> Group:
    part = Group(
        incident_id=new_id,
        topic=group.topic,
        partition=group.partition,
        first_offset=group.first_offset,
        last_offset=group.last_offset,
        changed_s=group.changed_s,
        hold_until_s=None,
        members={name: group.members.pop(name) for name in ids},
        heard_s=group.heard_s,
        loud_s=group.loud_s,
        apart={group.incident_id},
    )
    services = {one.service_name for one in part.members.values()}
    group.services = [name for name in group.services if name not in services]
    group.apart.add(new_id)
    groups[new_id] = part
    return part
