"""What the detectors remember of a service; plain values only, so that it can be stored.

Times are epoch seconds of event time unless a name says broker time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec
from msgspec import Struct

from liveops.series.registry import Registry
from schema.incidents import Detection

if TYPE_CHECKING:
    from liveops.detection.rulebook import RuleBook

Phase = Literal["learning", "ok", "firing", "no_data"]
NEVER_S = -1.0


class Alarm(Struct, array_like=True):
    """One series under one rule; see `liveops.detection.alarm`."""

    rule_version: int = 0
    phase: Phase = "learning"
    #: When the present excursion was first seen, None outside one.
    pending_s: float | None = None
    onset_s: float = NEVER_S
    breach_s: float = NEVER_S
    breach_start_s: float = NEVER_S
    healthy_start_s: float = NEVER_S
    healthy: int = 0
    calm_s: float = NEVER_S
    #: The detection as last published; None while muted or not firing.
    detection: Detection | None = None
    #: The value of the excursion that was furthest out, None outside one.
    peak: float | None = None


class Rhythm(Protocol):
    """Signs of life: event and broker time of the newest, event time of the first.

    `interval_s` is the usual time between two, `longest_s` the longest of late (broker time).
    """

    event_s: float
    broker_s: float
    first_s: float
    interval_s: float
    gaps: int
    longest_s: float


class SeriesState(Struct):
    """All a service's detectors know of one series."""

    metric_type: str
    tags: dict[str, str]
    alarms: dict[str, Alarm] = {}
    #: Start of the newest closed window by window name.
    closed_s: dict[str, int] = {}
    #: Broker time of the newest record in it.
    broker_s: float = 0.0
    #: Event time of its newest data.
    event_s: float = msgspec.field(default=0.0, name="seen_s")
    first_s: float = 0.0
    interval_s: float = 0.0
    gaps: int = 0
    longest_s: float = 0.0
    #: Samples of its last closed windows by window name.
    counts: dict[str, list[int]] = {}
    #: Start and value of the newest closed window by window name and field, where rules compare.
    last: dict[str, tuple[int, float]] = {}


class Presence(Struct):
    """The rhythm of a service as a whole, and the alarms on its silence.

    Those of whole metric types, all series of one silent, stand by type and rule.
    """

    event_s: float = 0.0
    broker_s: float = 0.0
    first_s: float = 0.0
    interval_s: float = 0.0
    gaps: int = 0
    alarms: dict[str, Alarm] = {}
    longest_s: float = 0.0
    metric_alarms: dict[str, dict[str, Alarm]] = {}


@dataclass(slots=True)
class ServiceDetectors:
    """What the detectors of one service remember: `series` by key, and when each had data.

    `seen` holds event times.
    """

    service: str
    series: dict[str, SeriesState]
    presence: Presence
    seen: Registry[str] = field(default_factory=Registry)
    #: The rules its alarms were last compared with.
    obeyed: RuleBook | None = None


def new_service(service: str) -> ServiceDetectors:
    """A service never seen before."""
    return ServiceDetectors(service, {}, Presence())


@dataclass(frozen=True, slots=True)
class Verdict:
    """A detector's opinion of one value; `score` is in the detector's own unit.

    Between `breach` and `healthy` lies the hysteresis, where nothing changes.
    """

    breach: bool
    healthy: bool
    value: float
    expected: float | None
    lower: float | None
    upper: float | None
    score: float
    reason: str
    #: The detector itself says that the excursion is over; why, where that is to be told.
    over: bool = False
    end_reason: str = ""
