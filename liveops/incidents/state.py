"""Open groups of detections and what is to be done about their incidents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from msgspec import Struct, field

from schema.incidents import Detection, Severity

#: Fields of an incident that a person may change as well as the correlator.
EDITABLE = ("title", "description", "severity", "affected_services")


class Group(Struct):
    """Detections believed to have one cause. Times are epoch seconds of event time."""

    incident_id: str
    topic: str
    partition: int
    first_offset: int
    last_offset: int
    #: Event time of its newest news.
    changed_s: float
    #: Wait until then for a deeper cause before an incident is opened; None once it is.
    hold_until_s: float | None
    #: Newest state of the detections by id; of many, those that `bounds` keeps.
    members: dict[str, Detection] = {}
    #: What the correlator's clock showed when the news came: a service may be behind it.
    heard_s: float = 0.0
    #: Event time at which a member was last out of its bounds; 0 in groups stored before.
    loud_s: float = 0.0
    #: Wall clock: the wait ends then at the latest, however slow the slowest partition is.
    hold_at_most_until_s: float = 0.0
    #: How many were dropped, their services, and the gravest severity among them.
    dropped: int = 0
    services: list[str] = []
    gravest: Severity | None = None
    #: Ids of dropped ones whose excursion was not over.
    under_way: set[str] = set()
    resolved: bool = False
    #: A person resolved the incident while it fired: its excursions stay quiet.
    dismissed: bool = False
    #: It is about the feed: nothing reports any more.
    feed: bool = False
    #: How many groups of their own it was put together from, as one storm.
    storm: int = 1
    #: Incidents that a person has told apart from this one.
    apart: set[str] = set()
    #: The incident that a person has taken it out of.
    split_from: str = ""
    #: Incidents that were merged into this one, with the ids of their detections.
    parts: dict[str, list[str]] = {}
    #: Event time of what the incident was last told.
    told_s: float = 0.0
    #: What the incident was last told; a field a person changed since is left alone.
    last_published: dict[str, Any] = field(default_factory=dict, name="told")

    @property
    def opened(self) -> bool:
        """Whether an incident exists."""
        return self.hold_until_s is None

    @property
    def quiet(self) -> bool:
        """Whether every excursion is over."""
        return not self.under_way and not self.active

    @property
    def active(self) -> list[Detection]:
        """Members whose excursion is not over."""
        return [detection for detection in self.members.values() if detection.state != "resolved"]

    @property
    def stale(self) -> bool:
        """Whether every excursion that is not over has no data any more."""
        return all(item.state == "no_data" or item.detector == "no_data" for item in self.active)

    def during(self, time_s: float) -> list[Detection]:
        """Members whose excursion was not over at an event time, whenever that was heard of."""
        return [
            detection
            for detection in self.members.values()
            if detection.state != "resolved" or detection.at_s >= time_s
        ]


#: Open groups by incident id.
Groups = dict[str, Group]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a detection was read, and what the correlator's and the wall clock showed then.

    `feed_silent`: no service was heard of late.
    """

    topic: str
    partition: int
    offset: int
    clock_s: float
    now_s: float
    feed_silent: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """Open an incident with these values, or change one.

    `before` is what we told last: a field that differs now was changed by a person.
    `status` is set when the incident is to be resolved or reopened.
    """

    kind: Literal["open", "change"]
    group: Group
    values: dict[str, Any]
    before: dict[str, Any]
    status: Literal["open", "resolved"] | None = None
    note: str = ""
