"""Which group a detection belongs to: by service, topology and event time. Pure."""

from __future__ import annotations

from liveops.incidents.flapping import rest_s
from liveops.incidents.state import Group, Groups
from liveops.incidents.topology import Topology
from liveops.incidents.wording import origin
from schema.incidents import Detection
from schema.metrics import WINDOW_S

#: A quiet group takes in new excursions this long.
GAP_S = 300.0
#: So many groups of the same metric that begin together have one cause.
STORM = 5
#: A caller that begins to fail later than this after its dependency has its own trouble.
_SPREAD_S = 120.0


def chosen(groups: Groups, detection: Detection, topology: Topology) -> Group | None:
    """Its own service's group, unless only a failing dependency began at the same time."""
    own, cause = _own(groups, detection, topology), above(groups, detection, topology)
    if own is None or cause is None or own is cause:
        return own or cause
    during = own.during(detection.onset_s)
    onsets = [i for i in during if i.service_name == detection.service_name]
    return own if any(_at_once(item, detection) for item in onsets) else cause


def callers(groups: Groups, detection: Detection, topology: Topology) -> list[Group]:
    """Groups this detection explains: their origin depends on its service. Oldest first."""
    found = []
    for group in groups.values():
        first = origin(group, topology)
        if _closed(group) or detection.service_name not in topology.below(first):
            continue
        during = group.during(detection.onset_s)
        if any(i.service_name == first and _at_once(i, detection) for i in during):
            found.append(group)
    return sorted(found, key=lambda g: (not g.opened, g.first_offset))


def storm(groups: Groups, detection: Detection) -> list[Group]:
    """Groups that began with the same metric in the same minute, where they are too many to
    be strangers; the one to keep first. Nothing else tells that they belong together.
    """
    found = [
        group
        for group in groups.values()
        if not _closed(group)
        and any(
            item.metric_type == detection.metric_type and _at_once(item, detection)
            for item in group.during(detection.onset_s)
        )
    ]
    if sum(group.storm for group in found) + 1 < STORM:
        return []
    return sorted(found, key=lambda g: (not g.opened, g.first_offset))


def of_feed(groups: Groups, detection: Detection) -> Group | None:
    """The group about the feed that was under way when the detection began."""
    found = [g for g in groups.values() if g.feed and not g.dismissed]
    return next((group for group in found if group.during(detection.onset_s)), None)


def _closed(group: Group) -> bool:
    """Whether nothing joins it by service or topology."""
    return group.dismissed or group.feed


def _own(groups: Groups, detection: Detection, topology: Topology) -> Group | None:
    """The group that holds the service already; a quiet one only for the same metric, soon.

    A service that only suffers from another's fault may get a fault of its own: a new
    metric that begins long after the spread is another group.
    """
    for group in groups.values():
        active = group.during(detection.onset_s)
        if not active and detection.onset_s - group.changed_s > rest_s(group, GAP_S):
            continue
        members = active or group.members.values()
        mine = [i for i in members if i.service_name == detection.service_name]
        if not mine or _closed(group):
            continue
        if any(item.metric_type == detection.metric_type for item in mine):
            return group
        origin_too = active and origin(group, topology) == detection.service_name
        if origin_too or (active and any(_follows(item, detection) for item in mine)):
            return group
    return None


def above(groups: Groups, detection: Detection, topology: Topology) -> Group | None:
    """The group of a failing dependency: the nearest, then the latest to begin."""
    below = topology.below(detection.service_name)
    found = [
        (below[item.service_name], -item.onset_s, group.incident_id)
        for group in groups.values()
        for item in group.during(detection.onset_s)
        if not _closed(group) and item.service_name in below and _follows(item, detection)
    ]
    return groups[min(found)[2]] if found else None


def _at_once(known: Detection, new: Detection) -> bool:
    """Whether both began in the same or in neighbouring windows; onsets are window starts."""
    apart_s = max(WINDOW_S[known.window], WINDOW_S[new.window])
    return abs(known.onset_s - new.onset_s) <= apart_s


def _follows(cause: Detection, effect: Detection) -> bool:
    """Whether the effect began with its possible cause or soon after."""
    return _at_once(cause, effect) or 0 <= effect.onset_s - cause.onset_s <= _SPREAD_S
