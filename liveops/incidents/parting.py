"""Groups made one and made two. Pure."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from liveops.incidents.bounds import MAX_SERVICES, prune, size_of
from liveops.incidents.state import Group, Groups
from schema.incidents import worst

#: Detections that a group remembers to have begun it or one merged into it.
_MAX_FOUNDERS = 100


def merge(groups: Groups, gone: Group, into: Group) -> Group:
    """Move the members; returns what `into` has become."""
    members = {**gone.members, **into.members}
    gravest = [one for one in (into.gravest, gone.gravest) if one is not None]
    merged = replace(
        into,
        members=members,
        size=sum(map(size_of, members.values())),
        founders=(*into.founders, *gone.founders)[:_MAX_FOUNDERS],
        number=min(into.number, gone.number),
        dropped=into.dropped + gone.dropped,
        services=tuple(sorted({*into.services, *gone.services}))[:MAX_SERVICES],
        under_way=into.under_way | gone.under_way,
        gravest=worst(gravest) if gravest else None,
        apart=into.apart | gone.apart,
        first_offset=min(into.first_offset, gone.first_offset),
        last_offset=max(into.last_offset, gone.last_offset),
        changed_s=max(into.changed_s, gone.changed_s),
        loud_s=max(into.loud_s, gone.loud_s),
        heard_s=max(into.heard_s, gone.heard_s),
    )
    del groups[gone.id]
    groups[into.id] = prune(merged)
    return groups[into.id]


def are_apart(one: Group, other: Group) -> bool:
    """Whether a person has told them apart: the correlator does not make them one again."""
    return one.id in other.apart or other.id in one.apart


def take_out(groups: Groups, group: Group, ids: Collection[str], new_id: str) -> Group:
    """Move detections into a group of their own, told apart from the one they leave."""
    members = {name: group.members[name] for name in ids}
    services = {one.service_name for one in members.values()}
    staying = {name: one for name, one in group.members.items() if name not in members}
    part = Group(
        id=new_id,
        topic=group.topic,
        partition=group.partition,
        first_offset=group.first_offset,
        last_offset=group.last_offset,
        changed_s=group.changed_s,
        hold_until_s=None,
        members=members,
        size=sum(map(size_of, members.values())),
        number=1 + max(one.number for one in groups.values()),
        founders=tuple(name for name in group.founders if name in members),
        heard_s=group.heard_s,
        loud_s=group.loud_s,
        apart=frozenset({group.id}),
    )
    groups[new_id] = part
    groups[group.id] = replace(
        group,
        members=staying,
        size=sum(map(size_of, staying.values())),
        founders=tuple(name for name in group.founders if name not in members),
        services=tuple(name for name in group.services if name not in services),
        apart=group.apart | {new_id},
    )
    return part
