"""Open groups of detections, and what is to be done about incidents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import msgspec
from msgspec import Struct, field

from schema.incidents import Detection, Severity

if TYPE_CHECKING:
    from liveops.incidents.topology import Topology

#: Fields of an incident that a person may change as well as the correlator.
EDITABLE = ("title", "description", "severity", "affected_services")


class Group(Struct, frozen=True, dict=True):
    """Detections believed to have one cause. Times are epoch seconds of event time.

    A change makes another group: states of before share those that stayed as they were.
    """

    #: Follows from the detection that began it; its incident may have another id.
    id: str = field(name="incident_id")
    topic: str
    partition: int
    first_offset: int
    last_offset: int
    #: Event time of its newest news.
    changed_s: float
    #: Wait until then for a deeper cause before an incident is opened; None once it is.
    hold_until_s: float | None
    #: Newest state of the detections by id; of many, those that `bounds` keeps.
    members: Mapping[str, Detection] = {}
    #: The time at which the newest news had its turn: a service may be behind it.
    heard_s: float = 0.0
    #: Event time at which a member was last out of its bounds; 0 in groups stored before.
    loud_s: float = 0.0
    #: Groups are in the order in which they began.
    number: int = 0
    #: Detections that began it or one merged into it.
    founders: tuple[str, ...] = ()
    #: Bytes of its members as JSON; 0 where nobody has counted.
    size: int = 0
    #: How many were dropped, their services, and the gravest severity among them.
    dropped: int = 0
    services: tuple[str, ...] = ()
    gravest: Severity | None = None
    #: Ids of dropped ones whose excursion was not over.
    under_way: frozenset[str] = frozenset()
    #: A person resolved the incident while it fired: its excursions stay quiet.
    dismissed: bool = False
    #: It is about the feed: nothing reports any more.
    feed: bool = False
    #: How many groups of their own it was put together from, as one storm.
    storm: int = 1
    #: Groups that a person has told apart from this one.
    apart: frozenset[str] = frozenset()

    @property
    def opened(self) -> bool:
        """Whether the wait for a deeper cause is over."""
        return self.hold_until_s is None

    @property
    def quiet(self) -> bool:
        """Whether every excursion is over."""
        return not self.under_way and not self.active

    @cached_property
    def active(self) -> list[Detection]:
        """Members whose excursion is not over."""
        return [detection for detection in self.members.values() if detection.state != "resolved"]

    @cached_property
    def by_service(self) -> dict[str, list[Detection]]:
        """Members of each service."""
        found: dict[str, list[Detection]] = {}
        for detection in self.members.values():
            found.setdefault(detection.service_name, []).append(detection)
        return found

    @cached_property
    def metrics(self) -> set[str]:
        """Metric types of the members."""
        return {detection.metric_type for detection in self.members.values()}

    @cached_property
    def onsets_s(self) -> tuple[float, float]:
        """The first and the last onset."""
        onsets = [detection.onset_s for detection in self.members.values()]
        return min(onsets), max(onsets)

    @cached_property
    def origins(self) -> dict[Topology, str]:
        """The origin under each call graph that it was asked for."""
        return {}

    @property
    def stale(self) -> bool:
        """Whether every excursion that is not over has no data any more."""
        return all(item.state == "no_data" or item.detector == "no_data" for item in self.active)

    def holds(self, detection_id: str) -> bool:
        """Whether a detection belongs to it, be it one that was dropped."""
        return (
            detection_id in self.members
            or detection_id in self.under_way
            or detection_id in self.founders
        )


_T = TypeVar("_T")


def once(function: Callable[[Group], _T]) -> Callable[[Group], _T]:
    """Have it worked out once for each group, which does not change."""

    @wraps(function)
    def found(group: Group) -> _T:
        known = group.__dict__
        if function.__name__ not in known:
            known[function.__name__] = function(group)
        return cast(_T, known[function.__name__])

    return found


def during(members: Iterable[Detection], time_s: float) -> list[Detection]:
    """Those whose excursion was not over at an event time, whenever that was heard of."""
    return [one for one in members if one.state != "resolved" or one.at_s >= time_s]


#: Open groups by id.
Groups = dict[str, Group]


class Read(Struct, frozen=True):
    """A detection and where it was read.

    It has its turn at `order_s`, which is its event time unless it came too late for that.
    `read_s` is the wall clock; `feed_silent`: no service was heard of late.
    """

    detection: Detection
    topic: str
    partition: int
    offset: int
    order_s: float
    read_s: float
    feed_silent: bool = False

    @property
    def key(self) -> tuple[float, str, str, bytes]:
        """Place in the order; the same detection again has the same one."""
        one = self.detection
        return self.order_s, one.id, one.state, msgspec.json.encode(one)


@dataclass(frozen=True, slots=True)
class Command:
    """Open an incident with these values, or change one.

    `before` is what we told last: a field that differs now was changed by a person.
    `status` is set when the incident is to be resolved or reopened.
    """

    kind: Literal["open", "change"]
    incident_id: str
    values: dict[str, Any]
    before: dict[str, Any]
    status: Literal["open", "resolved"] | None = None
    note: str = ""
