"""What people do to incidents: one made two, and both made one again. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from msgspec.structs import replace

from liveops.errors import IllegalChange
from liveops.incidents.correlator import Correlator
from liveops.incidents.parting import merge, take_out
from liveops.incidents.state import Command, Group, Groups
from liveops.incidents.telling import Told, group_of, new_told, survivor, tell, tell_merged
from liveops.incidents.topology import Topology
from schema.ids import derived_id


class Parted(NamedTuple):
    """The incident that people asked to be apart or together, the other one, what is to be done."""

    incident_id: str
    other_id: str
    commands: list[Command]


def split(
    correlator: Correlator,
    incident_id: str,
    services: Collection[str],
    new_id: str,
    topology: Topology,
    now_s: float,
) -> Parted:
    """Take some services out of an incident into one of their own; raises IllegalChange."""
    groups = correlator.settled(topology)
    one = correlator.book.get(incident_id)
    group = None if one is None or one.into else group_of(one, groups)
    if one is None or group is None or one.content is None:
        raise IllegalChange("the incident has no detections that go on or ended just now")
    ids = [item.id for item in group.members.values() if item.service_name in services]
    if not ids or len(ids) == len(group.members):
        raise IllegalChange("some of its services have to go, and some have to stay")
    part = take_out(groups, group, ids, new_id)
    _stay(one, groups[group.id])
    new = new_told(part, correlator.book, now_s)
    new.split_from = incident_id
    correlator.put(groups)
    commands = tell(new, part, topology) + tell(one, groups[group.id], topology)
    return Parted(new.incident_id, incident_id, commands)


def undo(correlator: Correlator, incident_id: str, topology: Topology) -> Parted:
    """Put what was split off back, or take a merged incident out; raises IllegalChange."""
    groups, book = correlator.settled(topology), correlator.book
    one = book.get(incident_id)
    if one is not None and one.into:
        return _take_out_again(correlator, groups, one, topology)
    into = None if one is None else book.get(one.split_from)
    if one is None or into is None:
        raise IllegalChange("the incident was neither split off nor merged, or it is over")
    into = survivor(into, book)
    gone, group = group_of(one, groups), group_of(into, groups)
    if gone is None or group is None or gone is group:
        raise IllegalChange("the incident was neither split off nor merged, or it is over")
    parts = sorted(gone.members)
    group = replace(group, apart=group.apart - {gone.id})
    merged = merge(groups, replace(gone, apart=frozenset()), group)
    correlator.put(groups)
    commands = [tell_merged(one, into, parts), *tell(into, merged, topology)]
    return Parted(incident_id, into.incident_id, commands)


def _take_out_again(
    correlator: Correlator, groups: Groups, one: Told, topology: Topology
) -> Parted:
    into = survivor(one, correlator.book)
    group = group_of(into, groups)
    ids = [] if group is None else [name for name in one.parts if name in group.members]
    if group is None or not ids or len(ids) == len(group.members):
        raise IllegalChange("nothing of the incident is left that could go")
    part = take_out(groups, group, ids, derived_id("part", group.id, *ids))
    _stay(one, part)
    _stay(into, groups[group.id])
    one.into, one.parts = "", []
    correlator.put(groups)
    commands = tell(into, groups[group.id], topology) + tell(one, part, topology)
    return Parted(one.incident_id, into.incident_id, commands)


def _stay(one: Told, group: Group) -> None:
    """Let an incident be that of a group from now on, wherever its first detection went."""
    one.group = group.id
    if not group.holds(one.anchor):
        one.anchor = min(group.members)
