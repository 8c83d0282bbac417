"""Incidents that open and resolve again and again are one that flaps. Pure, by event time.

What counts are the detections of a group, not when they were heard of: stretches of time in
which at least one excursion was under way. Three that began within an hour before the newest
end make the group flap. It then stays open until it has been quiet for fifteen minutes, so
nobody is told of each turn.
"""

from __future__ import annotations

from collections.abc import Iterable

from liveops.incidents.state import Group, once
from schema.incidents import Detection

#: So many stretches that begin within so long are flapping.
STRETCHES, WITHIN_S = 3, 3600.0
#: How long what flaps must be quiet before it is over.
QUIET_S = 900.0


def stretches(detections: Iterable[Detection]) -> list[tuple[float, float]]:
    """When at least one excursion was under way: begin and end, in order; inf for not over."""
    spans = sorted(
        (one.onset_s, max(one.onset_s, one.at_s) if one.state == "resolved" else float("inf"))
        for one in detections
    )
    found: list[tuple[float, float]] = []
    for begin_s, end_s in spans:
        if found and begin_s <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end_s)
        else:
            found.append((begin_s, end_s))
    return found


@once
def flaps(group: Group) -> bool:
    """Whether its incident is one that comes and goes."""
    found = stretches(group.members.values())
    since_s = max((end_s for _, end_s in found if end_s < float("inf")), default=0.0) - WITHIN_S
    return sum(begin_s >= since_s for begin_s, _ in found) >= STRETCHES


def rest_s(group: Group, usual_s: float) -> float:
    """How long a quiet group takes in new excursions; `usual_s` unless it flaps."""
    return QUIET_S if flaps(group) else usual_s
