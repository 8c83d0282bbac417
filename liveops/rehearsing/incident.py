"""An incident again: the rules and the correlator over the stored windows around it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from liveops.detection.rehearsal import Rehearsal
from liveops.errors import InvalidInput
from liveops.forecasting.model import fit
from liveops.incidents.order import Order
from liveops.incidents.state import Group, Read
from liveops.incidents.topology import Topology
from liveops.postgres.database import Database
from liveops.postgres.incidents import fetch_incident
from liveops.postgres.judged_windows import read_judged
from liveops.postgres.topology import read_topology
from schema.incidents import Detection, Incident
from schema.metrics import Aggregate
from schema.rules import Rule
from schema.topics import DETECTIONS

#: Days of windows to learn from before the incident, the most first.
_DAYS_BACK = (7.0, 2.0, 1.0)
_DAY_S = 86_400.0
#: After the last news of the incident windows are read for so long.
_AFTER_S = 1800.0


class Finding(NamedTuple):
    """What was unusual in an incident: one excursion of one series under one rule."""

    service: str
    metric_type: str
    tags: str
    rule_id: str
    onset_s: float


class Replayed(NamedTuple):
    """An incident beside what its rules make of the stored windows.

    `again` holds the findings of each incident that the correlator makes now. Findings of
    rules on absence are in none: what was missing is not stored.
    """

    incident: Incident
    before: frozenset[Finding]
    again: list[frozenset[Finding]]
    days_back: float
    windows: int

    @property
    def is_same(self) -> bool:
        """Whether one of the incidents tells all that this one told, and no more."""
        return self.before in self.again


async def replay(database: Database, incident_id: str, rules: Sequence[Rule]) -> Replayed:
    """Run rules over the windows of an incident; raises NotFound, InvalidInput, Unavailable."""
    incident = await fetch_incident(database, incident_id)
    told = [one for one in incident.detections if one.detector != "no_data"]
    if not told:
        raise InvalidInput("the incident has no detections that follow from values")
    from_s = min(one.onset_s for one in told)
    to_s = max(one.at_s for one in told) + _AFTER_S
    services = sorted({incident.service_name, *incident.affected_services})
    sizes = sorted({rule.window for rule in rules if rule.kind != "no_data"})
    windows, days = await _read(database, services, sizes, from_s, to_s)
    topology = Topology(await read_topology(database))
    found = Rehearsal(rules, fit).run(windows)
    groups = _correlated([one for one in found if one.onset_s >= from_s], topology)
    last_s = max(one.at_s for one in told)
    again = [
        _findings(group.members.values())
        for group in groups
        if any(one.onset_s <= last_s for one in group.members.values())
    ]
    return Replayed(incident, _findings(told), again, days, len(windows))


async def _read(
    database: Database, services: list[str], sizes: list[str], from_s: float, to_s: float
) -> tuple[list[Aggregate], float]:
    """Windows from as many days before as may be judged at once."""
    for days in _DAYS_BACK:
        try:
            found = [
                window
                for size in sizes
                for window in await read_judged(
                    database, services, size, from_s - days * _DAY_S, to_s
                )
            ]
        except InvalidInput:
            if days == _DAYS_BACK[-1]:
                raise
        else:
            return found, days
    raise AssertionError("the last try returns or raises")


def _correlated(detections: Iterable[Detection], topology: Topology) -> list[Group]:
    order = Order({}, (Read(one, DETECTIONS, 0, 0, one.at_s, one.at_s) for one in detections))
    view = order.view(topology, math.inf)
    return view.ended + list(view.groups.values())


def _findings(detections: Iterable[Detection]) -> frozenset[Finding]:
    return frozenset(
        Finding(
            one.service_name,
            one.metric_type,
            ",".join(f"{name}={text}" for name, text in sorted(one.tags.items())),
            one.rule_id,
            one.onset_s,
        )
        for one in detections
    )
