"""Which group a detection belongs to: by service, topology and event time. Pure.

Latency and errors are passed up from a service to its callers, load comes down from them;
what a service uses of its host is passed on to nobody.
"""

from __future__ import annotations

from typing import NamedTuple

from liveops.incidents.flapping import rest_s
from liveops.incidents.state import Group, Groups, during
from liveops.incidents.topology import Topology
from liveops.incidents.wording import is_load, origin
from liveops.rca.kinds import meaning
from schema.incidents import Detection
from schema.metrics import WINDOW_S

#: A quiet group takes in new excursions this long.
GAP_S = 300.0
#: So many groups of the same metric that begin together have one cause.
STORM = 5
#: A caller that begins to fail later than this after its dependency has its own trouble.
_SPREAD_S = 120.0
_WIDEST_S = max(WINDOW_S.values())


class Related(NamedTuple):
    """Groups that turn out to be one, the one to keep first; of how many a storm consists."""

    groups: list[Group]
    storm: int


def related(groups: Groups, detection: Detection, topology: Topology) -> Related:
    """The groups that a detection belongs to; none when it begins one."""
    joined = _chosen(groups, detection, topology)
    found = [] if joined is None else [joined]
    found += [g for g in _explained(groups, detection, topology) if g is not joined]
    if topology.calls_any(detection.service_name):
        return Related(found, 0)  # what it depends on may yet account for it
    storm = blown(groups, detection, joined)
    known = {group.id for group in found}
    more = [group for group in storm.groups if group.id not in known]
    return Related(found + more, storm.storm)


def blown(groups: Groups, detection: Detection, joined: Group | None) -> Related:
    """The storm that a detection is part of, with those that joined it; none if there is none."""
    alike = _alike(groups, detection)
    begun = sum(group.storm for group in alike if _is_alone(group))
    if joined is None or (_is_alone(joined) and all(joined is not one for one in alike)):
        begun += 1 if joined is None else joined.storm
    return Related(alike, begun) if begun >= STORM else Related([], 0)


def _chosen(groups: Groups, detection: Detection, topology: Topology) -> Group | None:
    """Its own service's group, unless only a failing neighbour began at the same time."""
    own = _own(groups, detection, topology)
    cause = _nearest_cause(groups, detection, topology)
    if own is None or cause is None or own is cause:
        return own or cause
    onsets = during(own.by_service.get(detection.service_name, []), detection.onset_s)
    return own if any(_at_once(item, detection) for item in onsets) else cause


def _explained(groups: Groups, detection: Detection, topology: Topology) -> list[Group]:
    """Groups whose beginning this detection accounts for, oldest first: of callers of its
    service, and of load alone at services that its service calls."""
    found: list[Group] = []
    below = topology.below(detection.service_name)
    if not below and not topology.above(detection.service_name):
        return found
    for group in groups.values():
        if _closed(group) or not _may_be_at_once(group, detection):
            continue
        first = origin(group, topology)
        begun = during(group.by_service[first], detection.onset_s)
        if not any(_at_once(item, detection) for item in begun):
            continue
        is_caller = not is_load(detection) and detection.service_name in topology.below(first)
        if is_caller or (first in below and all(map(is_load, group.members.values()))):
            found.append(group)
    return _oldest_first(found)


def _alike(groups: Groups, detection: Detection) -> list[Group]:
    """Groups that began with the same metric in the same minute, oldest first: of many nothing
    else tells that they belong together, and so many are no strangers.
    """
    found = [
        group
        for group in groups.values()
        if detection.metric_type in group.metrics
        and not _closed(group)
        and any(
            item.metric_type == detection.metric_type and _at_once(item, detection)
            for item in during(group.members.values(), detection.onset_s)
        )
    ]
    return _oldest_first(found)


def _is_alone(group: Group) -> bool:
    """Whether no call graph accounts for it: a storm, or a service that waited in vain."""
    return group.opened and (group.storm > 1 or len(group.by_service) == 1)


def _oldest_first(groups: list[Group]) -> list[Group]:
    """Groups with the one to keep first: one that waits no longer, then the oldest."""
    return sorted(groups, key=lambda g: (not g.opened, g.number))


def of_feed(groups: Groups, detection: Detection) -> Group | None:
    """The group about the feed that was under way when the detection began."""
    found = [
        group
        for group in groups.values()
        if group.feed and not group.dismissed and during(group.members.values(), detection.onset_s)
    ]
    return min(found, key=lambda group: group.number, default=None)


def is_out(detection: Detection) -> bool:
    """Whether it was out of its bounds when last told; an alarm outlasts what it is about.

    Where it never left them, as a small lasting change, the alarm itself is all there is.
    """
    if detection.state == "resolved":
        return False
    if detection.state == "no_data" or detection.lower is None or detection.upper is None:
        return True
    lower, upper = detection.lower, detection.upper
    return not lower <= detection.value <= upper or lower <= detection.furthest <= upper


def _calm_s(group: Group, until_s: float) -> float:
    """For how long everything had been within its bounds; 0 where nobody has seen it there."""
    return until_s - group.loud_s if 0 < group.loud_s < group.changed_s else 0.0


def _closed(group: Group) -> bool:
    """Whether nothing joins it by service or topology."""
    return group.dismissed or group.feed


def _own(groups: Groups, detection: Detection, topology: Topology) -> Group | None:
    """The first group that holds the service already and takes the detection in."""
    found = [
        group
        for group in groups.values()
        if detection.service_name in group.by_service
        and not _closed(group)
        and _takes_in(group, detection, topology)
    ]
    return min(found, key=lambda group: group.number, default=None)


def _takes_in(group: Group, detection: Detection, topology: Topology) -> bool:
    """Whether a group that holds its service does; a quiet one only the same metric, soon.

    A service that only suffers from another's fault may get a fault of its own: a new
    metric that begins long after the spread is another group.
    """
    is_active = bool(during(group.members.values(), detection.onset_s))
    if not is_active and detection.onset_s - group.changed_s > rest_s(group, GAP_S):
        return False
    mine = group.by_service[detection.service_name]
    if is_active:
        mine = during(mine, detection.onset_s)
    calm_s = _calm_s(group, detection.onset_s) if is_active else 0.0
    if not mine or calm_s > GAP_S:
        return False
    if any(item.metric_type == detection.metric_type for item in mine):
        return True
    if calm_s > _SPREAD_S or not is_active:
        return False
    is_origin = origin(group, topology) == detection.service_name
    return is_origin or any(_follows(item, detection) for item in mine)


def above(groups: Groups, detection: Detection, topology: Topology) -> Group | None:
    """The group of a failing dependency: the nearest, then the latest to begin."""
    return _nearest(groups, detection, topology.below(detection.service_name))


def _nearest_cause(groups: Groups, detection: Detection, topology: Topology) -> Group | None:
    found = above(groups, detection, topology)
    if found is None and is_load(detection):
        return _nearest(groups, detection, topology.above(detection.service_name))
    return found


def _nearest(groups: Groups, detection: Detection, near: dict[str, int]) -> Group | None:
    if not near:
        return None
    found = [
        (near[name], *_kinship(item, detection), -item.onset_s, item.id, group)
        for group in groups.values()
        if not _closed(group)
        for name in near.keys() & group.by_service.keys()
        for item in during(group.by_service[name], detection.onset_s)
        if _follows(item, detection)
    ]
    return min(found, key=lambda one: one[:-1])[-1] if found else None


def _kinship(cause: Detection, effect: Detection) -> tuple[bool, bool]:
    """Order of possible causes: what shows alike, then what callers feel at all."""
    return cause.metric_type != effect.metric_type, not _is_passed_on(cause)


def _is_passed_on(detection: Detection) -> bool:
    """Whether callers feel it, so that it shows that the fault came this way."""
    return meaning(detection.metric_type).kind in ("latency", "client_latency", "errors")


def _at_once(known: Detection, new: Detection) -> bool:
    """Whether both began in the same or in neighbouring windows; onsets are window starts."""
    apart_s = max(WINDOW_S[known.window], WINDOW_S[new.window])
    return abs(known.onset_s - new.onset_s) <= apart_s


def _may_be_at_once(group: Group, detection: Detection) -> bool:
    """Whether the group has onsets near enough that one of them may be."""
    first_s, last_s = group.onsets_s
    return first_s - _WIDEST_S <= detection.onset_s <= last_s + _WIDEST_S


def _follows(cause: Detection, effect: Detection) -> bool:
    """Whether the effect began with its possible cause or soon after."""
    return _at_once(cause, effect) or 0 <= effect.onset_s - cause.onset_s <= _SPREAD_S
