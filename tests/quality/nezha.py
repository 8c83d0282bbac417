"""The Nezha day: each fault of it should be one incident, soon, and the quiet rest none.

Offline: the windows of the day through the default rules and the correlator, as
`liveops replay` does. A fault lasts three minutes; an incident that opens within five
minutes of its beginning is its incident.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from liveops.detection.defaults import DEFAULT_RULES
from liveops.detection.rehearsal import Rehearsal
from liveops.forecasting.model import fit
from liveops.incidents.state import Command
from liveops.incidents.topology import Topology
from schema.incidents import Detection
from schema.metrics import Aggregate
from schema.rules import Edge
from schema.times import parse_time_s
from tests.correlating import Correlating
from tests.data import nezha
from tests.quality.labelled import SHARED

DAY = SHARED / "data" / "nezha" / "rca_data" / "2022-08-22"
WITHIN_S = 300.0
#: After the last fault so long is left to it; then begins the quiet tail.
_TAIL_AFTER_S = 1800.0


@dataclass
class Opened:
    """An incident: when it was opened, its services, and when it was merged into another."""

    id: str
    at_s: float
    services: list[str]
    what: str
    merged: bool = False


def faults(folder: Path = DAY) -> list[tuple[float, str, str]]:
    """When, in which service and what was injected, in order of time."""
    (path,) = folder.glob("*-fault_list.json")
    listed = [one for hour in json.loads(path.read_text()).values() for one in hour]
    return sorted(
        (
            datetime.fromisoformat(one["inject_time"]).replace(tzinfo=UTC).timestamp(),
            one["inject_pod"].rsplit("-", 2)[0],
            one["inject_type"],
        )
        for one in listed
    )


def windows(folder: Path = DAY) -> Iterator[Aggregate]:
    """Minutes as the stream would close them; there is about one value a minute."""
    found: dict[tuple[str, str, int], list[float]] = {}
    for at, service, metric, value in nezha.rows(folder):
        start_s = int(parse_time_s(at)) // 60 * 60
        found.setdefault((service, metric, start_s), []).append(float(value))
    for (service, metric, start_s), values in found.items():
        mean = sum(values) / len(values)
        yield Aggregate(
            service_name=service, metric_type=metric, tags={}, window="1m", start_s=start_s,
            end_s=start_s + 60, count=len(values), sum=sum(values), min=min(values),
            max=max(values), mean=mean, stddev=0.0, p50=mean, p95=max(values), p99=max(values),
            rate=len(values) / 60, final=True, revision=0, histogram={},
            broker_time_s=start_s + 60,
        )  # fmt: skip


def detections(folder: Path = DAY) -> list[Detection]:
    """What the default rules tell of the day."""
    found = list(Rehearsal(DEFAULT_RULES, fit).run(windows(folder)))
    return sorted(found, key=lambda one: (one.at_s, one.id))


def incidents(told: Sequence[Detection], edges: Sequence[Edge]) -> list[Opened]:
    """What the correlator opens."""
    run = Correlating(Topology(edges))
    found: dict[str, Opened] = {}

    def carry_out(commands: list[Command], at_s: float) -> None:
        for one in commands:
            name = one.incident_id
            if one.kind == "open":
                found[name] = Opened(
                    name, at_s, one.values["affected_services"], one.values["title"]
                )
            elif one.note:
                found[name].merged = True
            elif one.values and name in found and "affected_services" in one.values:
                found[name].services = one.values["affected_services"]

    for one in told:
        carry_out(run.fold(one, one.at_s), one.at_s)
    return sorted(found.values(), key=lambda one: one.at_s)


def score(found: Sequence[Opened], injected: Sequence[tuple[float, str, str]], end_s: float) -> str:
    """Faults opened in time, precision, incidents a fault, false ones an hour of the tail."""
    alive = [one for one in found if not one.merged]
    of_fault = {
        (at_s, what): [one for one in alive if at_s <= one.at_s <= at_s + WITHIN_S]
        for at_s, _, what in injected
    }
    opened = sum(bool(names) for names in of_fault.values())
    right = {one.id for names in of_fault.values() for one in names}
    tail_s = injected[-1][0] + _TAIL_AFTER_S
    late = [one for one in alive if one.at_s > tail_s]
    return (
        f"{opened} of {len(injected)} faults opened within 5 min ({opened / len(injected):.0%}), "
        f"precision {len(right) / max(1, len(alive)):.2f} of {len(alive)}, "
        f"{len(right) / max(1, opened):.2f} incidents a fault, "
        f"{len(late) / ((end_s - tail_s) / 3600):.2f} false an hour in the quiet tail"
    )


def rows() -> Iterator[str]:
    """One line with the declared call graph, one without."""
    if not DAY.is_dir():
        yield f"left out, the Nezha day: not there: {DAY}"
        return
    told, injected = detections(), faults()
    end_s = max(window.end_s for window in windows())
    calls = nezha.topology(DAY)["edges"]
    edges = [Edge(caller=one["from"], callee=one["to"]) for one in calls]
    for name, known in (("declared", edges), ("no", [])):
        yield f"the Nezha day, {name} topology: {score(incidents(told, known), injected, end_s)}"
