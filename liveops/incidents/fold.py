"""The correlator: detections in, commands on incidents out. Pure, and by event time only:
what was heard when changes nothing, so a backlog gives the incidents that live data gave.

A detection joins a group of its own service, of a service it depends on (a fault spreads
from the callee to its callers), or becomes the deeper cause of a group of its callers;
otherwise it starts one. Two causes with one common caller stay two groups. Five groups or more
of the same metric in the same minute are one storm, of which the topology does not know.
"""

from __future__ import annotations

from liveops.incidents.bounds import prune, rank
from liveops.incidents.flapping import rest_s
from liveops.incidents.matching import (
    GAP_S,
    Related,
    above,
    better_placed,
    blown,
    is_out,
    of_feed,
    related,
)
from liveops.incidents.parting import are_apart, merge
from liveops.incidents.state import Command, Group, Groups, Source
from liveops.incidents.telling import begin, tell
from liveops.incidents.topology import Topology
from liveops.incidents.wording import origin
from schema.ids import derived_id
from schema.incidents import WHOLE, Detection

#: How long, in event time, a service that depends on others waits for a deeper cause.
HOLD_S = 1.5
#: And in the time of the wall clock: a late cause then joins what has been opened.
HOLD_AT_MOST_S = 4.0
#: A group whose excursions have no data any more ends after this; its incident stays open.
STALE_S = 86_400.0
#: Seconds between two changes of an incident that only tell how its detections stand.
REFRESH_S = 10.0


def fold(groups: Groups, detection: Detection, source: Source, topology: Topology) -> list[Command]:
    """Apply one detection; changes `groups`. A repeat changes nothing."""
    known = next((group for group in groups.values() if detection.id in group.members), None)
    if known is not None:
        before = known.members[detection.id]
        if before == detection:
            return []
        # How it stands now is told at a sane pace, what has become of it at once.
        often = before.state == detection.state and detection.at_s < known.told_s + REFRESH_S
        return _update(known, detection, source, topology, is_news=not often)
    dropped = next((g for g in groups.values() if detection.id in g.under_way), None)
    if dropped is not None:
        return _update_dropped(dropped, detection, source, topology)
    if detection.state == "resolved":
        return []
    commands = _place(groups, detection, source, topology)
    for group, effect in better_placed(groups, detection, topology, HOLD_S):
        commands += _move(groups, effect, group, detection, topology)
    return commands


def _move(
    groups: Groups, effect: Detection, group: Group, cause: Detection, topology: Topology
) -> list[Command]:
    """Let an effect go where its likelier cause is."""
    into = next(other for other in groups.values() if cause.id in other.members)
    if len(group.members) == 1 or are_apart(into, group):
        return []
    into.members[effect.id] = group.members.pop(effect.id)
    prune(into)
    return [c for one in (group, into) if one.opened for c in tell(one, topology)]


def _place(
    groups: Groups, detection: Detection, source: Source, topology: Topology
) -> list[Command]:
    """Let a new excursion join what it belongs to, or begin a group."""
    about_feed = source.feed_silent and _is_absence(detection)
    if about_feed:
        feed = of_feed(groups, detection)
        found = Related([] if feed is None else [feed], 0)
    else:
        found = related(groups, detection, topology)
    if found.groups:
        into = found.groups[0]
        merged = [c for other in _mergeable(into, found.groups) for c in merge(groups, other, into)]
        into.storm = max(into.storm, found.storm)
        return merged + _update(into, detection, source, topology)
    hold = about_feed or topology.calls_any(detection.service_name)
    group = _start(detection, source, hold=hold)
    group.feed = about_feed
    groups[group.incident_id] = group
    return [] if not group.opened else [begin(group, topology)]


def release(groups: Groups, topology: Topology, clock_s: float, now_s: float) -> list[Command]:
    """Open what was held long enough, deepest causes first, and forget old quiet groups.

    `clock_s` is the event time up to which everything has been heard, `now_s` the wall clock.
    """
    commands: list[Command] = []
    due = [group for group in groups.values() if _is_due(group, clock_s, now_s)]
    for group in sorted(due, key=lambda g: (_has_deeper(g, due, topology), g.incident_id)):
        commands += _settle(groups, group, topology)
    for group in list(groups.values()):
        if clock_s > _over_s(group):
            del groups[group.incident_id]
            if group.opened and not group.quiet and not group.dismissed:
                commands.append(Command("change", group, {"stale": True}, {}))
            elif group.opened and not group.resolved and not group.dismissed:
                commands.append(Command("change", group, {}, {}, "resolved"))
    return commands


def _is_due(group: Group, clock_s: float, now_s: float) -> bool:
    if group.hold_until_s is None:
        return False
    return group.hold_until_s <= clock_s or group.hold_at_most_until_s <= now_s


def next_due_s(groups: Groups) -> tuple[float, float]:
    """What correlator's or wall clock must show for `release` to do something; inf for never."""
    held = [group for group in groups.values() if group.hold_until_s is not None]
    times = [group.hold_until_s for group in held if group.hold_until_s is not None]
    times += [_over_s(group) for group in groups.values() if group.hold_until_s is None]
    return (
        min(times, default=float("inf")),
        min((group.hold_at_most_until_s for group in held), default=float("inf")),
    )


def _over_s(group: Group) -> float:
    """Until when a group may still take something in: quiet, or without data for a day."""
    newest_s = max(group.changed_s, group.heard_s)
    if group.quiet:
        return newest_s + rest_s(group, GAP_S)
    return newest_s + STALE_S if group.stale else float("inf")


def heed(groups: Groups, resolved: set[str]) -> None:
    """Take in what people did; `resolved` are the incidents that are.

    One resolved while it fired: its excursions stay quiet, until somebody reopens it.
    """
    for group in groups.values():
        if group.incident_id in resolved:
            group.dismissed = group.dismissed or not group.resolved
        elif group.dismissed:
            group.dismissed = group.resolved = False


def _is_absence(detection: Detection) -> bool:
    return detection.detector == "no_data" and detection.metric_type == WHOLE


def _start(detection: Detection, source: Source, *, hold: bool) -> Group:
    hold_s = detection.at_s + HOLD_S if hold else None
    return Group(
        incident_id=derived_id("incident", detection.id),
        topic=source.topic,
        partition=source.partition,
        first_offset=source.offset,
        last_offset=source.offset,
        changed_s=detection.at_s,
        heard_s=source.clock_s,
        loud_s=detection.at_s,
        hold_until_s=hold_s,
        hold_at_most_until_s=source.now_s + HOLD_AT_MOST_S,
        members={detection.id: detection},
    )


def _update(
    group: Group, detection: Detection, source: Source, topology: Topology, *, is_news: bool = True
) -> list[Command]:
    group.members[detection.id] = detection
    prune(group)
    group.last_offset = max(group.last_offset, source.offset)
    _heard(group, detection, source)
    return tell(group, topology) if is_news and group.opened and not group.dismissed else []


def _heard(group: Group, detection: Detection, source: Source) -> None:
    group.changed_s = max(group.changed_s, detection.at_s)
    group.heard_s = max(group.heard_s, source.clock_s)
    if is_out(detection):
        group.loud_s = max(group.loud_s, detection.at_s)


def _update_dropped(
    group: Group, detection: Detection, source: Source, topology: Topology
) -> list[Command]:
    """One of the many of which only the id is known: what counts is whether it is over."""
    if detection.state == "resolved":
        group.under_way.discard(detection.id)
        _heard(group, detection, source)
    group.last_offset = max(group.last_offset, source.offset)
    return tell(group, topology) if group.opened and not group.dismissed and group.quiet else []


def _mergeable(into: Group, found: list[Group]) -> list[Group]:
    return [other for other in found if other is not into and not are_apart(into, other)]


def _settle(groups: Groups, group: Group, topology: Topology) -> list[Command]:
    """End of the wait: join the group of a deeper cause, or open an incident."""
    if group.feed:
        return [begin(group, topology)] + (tell(group, topology) if group.quiet else [])
    first = origin(group, topology)
    others = {name: other for name, other in groups.items() if other is not group}
    for item in (i for i in group.active if i.service_name == first):
        target = above(others, item, topology)
        if target is not None:
            merge(groups, group, target)
            return tell(target, topology) if target.opened else []
    commands = [begin(group, topology)]
    storm = blown(groups, min(group.members.values(), key=rank), group)
    if storm.groups:
        alike = _mergeable(storm.groups[0], storm.groups)
        commands += [c for other in alike for c in merge(groups, other, storm.groups[0])]
        storm.groups[0].storm = storm.storm
        return commands + tell(storm.groups[0], topology)
    return commands + (tell(group, topology) if group.quiet else [])


def _has_deeper(group: Group, due: list[Group], topology: Topology) -> bool:
    below = topology.below(origin(group, topology)).keys()
    return any(origin(other, topology) in below for other in due if other is not group)
