"""What was told of incidents, kept beside the groups, and what is still to be told. Pure.

An incident stays with the group that holds its first detection. Where that group holds another
incident's too, they are one: the oldest stays, the others are told to be resolved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct

from liveops.incidents.flapping import flaps
from liveops.incidents.state import EDITABLE, Command, Group, once
from liveops.incidents.topology import Topology
from liveops.incidents.wording import content
from schema.ids import derived_id

#: Seconds between two changes of an incident that only tell how its detections stand.
REFRESH_S = 10.0
#: What there is of a group that ended while nobody knew whether its excursions were over.
_LEFT = "left"


class Told(Struct):
    """An incident as it was told last."""

    incident_id: str
    #: The group that it was told of, and the detection that it stays with.
    group: str
    anchor: str
    #: Wall clock.
    opened_s: float
    #: What a person may change too; None until it is opened.
    content: dict[str, Any] | None = None
    #: Event time of what it was told last, and which of its detections went on then.
    told_s: float = 0.0
    standing: str = ""
    resolved: bool = False
    #: The incident that it was merged into, and the detections that were its own.
    into: str = ""
    parts: list[str] = []
    #: The incident that a person has taken it out of.
    split_from: str = ""


#: By the incident's id.
Book = dict[str, Told]


def group_of(one: Told, groups: Mapping[str, Group]) -> Group | None:
    """The group that an incident is of."""
    before = groups.get(one.group)
    if before is not None and before.holds(one.anchor):
        return before
    return next((group for group in groups.values() if group.holds(one.anchor)), before)


def survivor(one: Told, book: Book) -> Told:
    """The incident that one was merged into at last, or itself."""
    seen: set[str] = set()
    while one.into in book and one.incident_id not in seen:
        seen.add(one.incident_id)
        one = book[one.into]
    return one


def new_told(group: Group, book: Book, now_s: float) -> Told:
    """Enter the incident of a group that has none."""
    name = group.id
    while name in book:
        name = derived_id("incident", name)
    anchor = group.founders[0] if group.founders else min(group.members)
    book[name] = Told(name, group.id, anchor, now_s)
    return book[name]


def choose(mine: Iterable[Told], group: Group) -> Told | None:
    """The incident that a group's stays to be: not one that was merged, and the oldest."""
    return min(
        mine,
        key=lambda o: (bool(o.into), o.opened_s, o.incident_id != group.id, o.incident_id),
        default=None,
    )


def tell_merged(one: Told, into: Told, parts: list[str]) -> Command:
    """An incident turned out to be another one."""
    one.into, one.parts, one.resolved, one.standing = into.incident_id, parts, True, ""
    note = f"Merged into incident {into.incident_id}."
    return Command("change", one.incident_id, {}, {}, "resolved", note)


def tell(one: Told, group: Group, topology: Topology) -> list[Command]:
    """What brings an incident up to its group."""
    one.group, one.into = group.id, ""
    if group.dismissed:
        return []
    standing = _standing(group)
    if one.content is not None and standing == one.standing:
        if group.changed_s < one.told_s + REFRESH_S:
            return []
    one.standing = standing
    before, values = one.content, content(group, topology)
    one.content = {name: values[name] for name in EDITABLE}
    one.told_s = group.changed_s
    if before is not None:
        return [Command("change", one.incident_id, values, before, _status(one, group))]
    opened = Command("open", one.incident_id, values, {})
    status = _status(one, group)
    if status is None:
        return [opened]
    return [opened, Command("change", one.incident_id, {}, {}, status)]


def tell_ended(one: Told, group: Group) -> list[Command]:
    """What becomes of an incident when nothing can join its group any more."""
    if group.dismissed or one.standing == _LEFT or (group.quiet and one.resolved):
        return []
    if group.quiet:
        one.resolved = True
        return [Command("change", one.incident_id, {}, {}, "resolved")]
    one.standing = _LEFT
    return [Command("change", one.incident_id, {"stale": True}, {})]


def _status(one: Told, group: Group) -> Literal["open", "resolved"] | None:
    """What its status becomes; what flaps is resolved once it has been quiet for longer."""
    if group.quiet and not one.resolved and not flaps(group):
        one.resolved = True
        return "resolved"
    if one.resolved and not group.quiet:
        one.resolved = False
        return "open"
    return None


@once
def _standing(group: Group) -> str:
    """Tells whether something became of the detections, or they only go on."""
    states = sorted(f"{one.id} {one.state}" for one in group.members.values())
    return derived_id("standing", *states, group.dropped, group.quiet)
