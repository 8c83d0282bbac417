"""Detections in their order in, groups out. Pure, and by event time only: a backlog gives the
groups that live data gave.

A detection joins a group of its own service, of a service it depends on (a fault spreads
from the callee to its callers), or becomes the deeper cause of a group of its callers;
otherwise it starts one. Two causes with one common caller stay two groups. Five groups or more
of the same metric in the same minute are one storm, of which the topology does not know.
"""

from __future__ import annotations

from msgspec.structs import replace

from liveops.incidents.bounds import prune, rank, size_of
from liveops.incidents.flapping import rest_s
from liveops.incidents.matching import GAP_S, Related, above, blown, is_out, of_feed, related
from liveops.incidents.parting import are_apart, merge
from liveops.incidents.state import Group, Groups, Read, once
from liveops.incidents.topology import Topology
from liveops.incidents.wording import origin
from schema.ids import derived_id
from schema.incidents import WHOLE, Detection

#: How long, in event time, a service that depends on others waits for a deeper cause.
HOLD_S = 1.5
#: A group whose excursions have no data any more ends after this; its incident stays open.
STALE_S = 86_400.0


def fold(groups: Groups, read: Read, topology: Topology) -> None:
    """Apply one detection; changes `groups`. A repeat changes nothing."""
    detection = read.detection
    known = next((group for group in groups.values() if detection.id in group.members), None)
    if known is not None:
        before = known.members[detection.id]
        if before != detection and before.at_s <= detection.at_s:
            _update(groups, known, read)
        return
    dropped = next((g for g in groups.values() if detection.id in g.under_way), None)
    if dropped is not None:
        _update_dropped(groups, dropped, read)
    elif detection.state != "resolved":
        _place(groups, read, topology)


def release(groups: Groups, topology: Topology, clock_s: float) -> list[Group]:
    """End waits and groups whose time has come, one after the other; returns what ended.

    In two steps of the clock or in one: it comes to the same.
    """
    ended: list[Group] = []
    while True:
        over = [group for group in groups.values() if over_s(group) < clock_s]
        waits = [g for g in groups.values() if not g.opened and _held_s(g) <= clock_s]
        if not over and not waits:
            return ended
        first_s = min(map(_held_s, waits), default=float("inf"))
        gone = min(over, key=lambda g: (over_s(g), g.number), default=None)
        if gone is not None and over_s(gone) < first_s:
            ended.append(groups.pop(gone.id))
            continue
        due = [group for group in waits if group.hold_until_s == first_s]
        _settle(groups, min(due, key=lambda g: (_has_deeper(g, due, topology), g.number)), topology)


def next_due_s(groups: Groups) -> float:
    """What the correlator's clock must show for `release` to do something; inf for never."""
    return min((min(_held_s(g), over_s(g)) for g in groups.values()), default=float("inf"))


def _held_s(group: Group) -> float:
    return float("inf") if group.hold_until_s is None else group.hold_until_s


@once
def over_s(group: Group) -> float:
    """Until when a group may still take something in: quiet, or without data for a day."""
    newest_s = max(group.changed_s, group.heard_s)
    if group.quiet:
        return newest_s + rest_s(group, GAP_S)
    return newest_s + STALE_S if group.stale else float("inf")


def _is_absence(detection: Detection) -> bool:
    return detection.detector == "no_data" and detection.metric_type == WHOLE


def _place(groups: Groups, read: Read, topology: Topology) -> None:
    """Let a new excursion join what it belongs to, or begin a group."""
    detection = read.detection
    about_feed = read.feed_silent and _is_absence(detection)
    if about_feed:
        feed = of_feed(groups, detection)
        found = Related([] if feed is None else [feed], 0)
    else:
        found = related(groups, detection, topology)
    if found.groups:
        into = _merged(groups, found)
        _update(groups, into, read)
        return
    hold = about_feed or topology.calls_any(detection.service_name)
    group = _start(groups, read, hold=hold, feed=about_feed)
    groups[group.id] = group


def _merged(groups: Groups, found: Related) -> Group:
    """Make one of those that belong together, except what a person has told apart."""
    into = found.groups[0]
    for other in found.groups[1:]:
        if not are_apart(into, other):
            into = merge(groups, other, into)
    return replace(into, storm=max(into.storm, found.storm))


def _start(groups: Groups, read: Read, *, hold: bool, feed: bool) -> Group:
    detection = read.detection
    return Group(
        id=derived_id("incident", detection.id),
        topic=read.topic,
        partition=read.partition,
        first_offset=read.offset,
        last_offset=read.offset,
        changed_s=detection.at_s,
        heard_s=read.order_s,
        loud_s=detection.at_s,
        hold_until_s=detection.at_s + HOLD_S if hold else None,
        members={detection.id: detection},
        number=next_number(groups),
        founders=(detection.id,),
        size=size_of(detection),
        feed=feed,
    )


def _update(groups: Groups, group: Group, read: Read) -> None:
    detection = read.detection
    before = group.members.get(detection.id)
    size = group.size or sum(map(size_of, group.members.values()))
    changed = replace(
        _heard(group, read),
        members={**group.members, detection.id: detection},
        size=size + size_of(detection) - (0 if before is None else size_of(before)),
    )
    groups[group.id] = prune(changed)


def _heard(group: Group, read: Read) -> Group:
    detection = read.detection
    return replace(
        group,
        last_offset=max(group.last_offset, read.offset),
        first_offset=min(group.first_offset, read.offset),
        changed_s=max(group.changed_s, detection.at_s),
        heard_s=max(group.heard_s, read.order_s),
        loud_s=max(group.loud_s, detection.at_s) if is_out(detection) else group.loud_s,
    )


def _update_dropped(groups: Groups, group: Group, read: Read) -> None:
    """One of the many of which only the id is known: what counts is whether it is over."""
    if read.detection.state == "resolved":
        left = group.under_way - {read.detection.id}
        groups[group.id] = replace(_heard(group, read), under_way=left)


def _settle(groups: Groups, group: Group, topology: Topology) -> None:
    """End of the wait: join the group of a deeper cause, or stand alone."""
    alone = replace(group, hold_until_s=None)
    if group.feed:
        groups[group.id] = alone
        return
    first = origin(group, topology)
    others = {name: other for name, other in groups.items() if other is not group}
    for item in (i for i in group.active if i.service_name == first):
        target = above(others, item, topology)
        if target is not None:
            merge(groups, group, target)
            return
    groups[group.id] = alone
    storm = blown(groups, min(group.members.values(), key=rank), alone)
    if storm.groups:
        into = _merged(groups, storm)
        groups[into.id] = into


def _has_deeper(group: Group, due: list[Group], topology: Topology) -> bool:
    if len(due) == 1:
        return False
    below = topology.below(origin(group, topology)).keys()
    return any(origin(other, topology) in below for other in due if other is not group)


def next_number(groups: Groups) -> int:
    """The number of a group that begins now."""
    return 1 + max((group.number for group in groups.values()), default=0)
