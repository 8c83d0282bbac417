"""What a silence would have muted. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import structs

from liveops.detection.silencing import Muting
from schema.incidents import Detection
from schema.rules import Silence
from schema.times import format_time, parse_time_s

#: A rule is tried as if it had begun whole weeks sooner: days of the week stay.
_SOONER_S = 52 * 7 * 86_400.0
_BOUND = re.compile(r";?(?:COUNT|UNTIL)=[^;]*")


@dataclass(frozen=True, slots=True)
class Past:
    """An incident of late."""

    id: str
    title: str
    detections: list[Detection]


@dataclass(frozen=True, slots=True)
class Muted:
    """How many `of` its detections would have been muted."""

    past: Past
    muted: int

    @property
    def whole(self) -> bool:
        """Whether there would have been no incident."""
        return self.muted == len(self.past.detections)


def tried(silence: Silence, from_s: float, to_s: float) -> Muting:
    """The silence as if it had been in force in the span; raises ValueError."""
    if silence.rrule is None:
        return Muting(
            structs.replace(silence, starts_at=format_time(from_s), ends_at=format_time(to_s))
        )
    starts_s = parse_time_s(silence.starts_at)
    while starts_s > from_s:
        starts_s -= _SOONER_S
    unbounded = _BOUND.sub("", silence.rrule).lstrip(";")
    return Muting(
        structs.replace(
            silence, starts_at=format_time(starts_s), ends_at=format_time(to_s), rrule=unbounded
        )
    )


def muted_of(muting: Muting, incidents: Iterable[Past]) -> list[Muted]:
    """Incidents of which it would have muted something."""
    found = []
    for past in incidents:
        muted = sum(
            muting.covers(one.service_name, one.metric_type, one.tags, one.severity)
            and muting.span_at(one.onset_s) is not None
            for one in past.detections
        )
        if muted:
            found.append(Muted(past, muted))
    return found
