"""How grave an incident is by whom it reaches. Pure.

Its rules' highest severity is the least; what reaches many services, or those that users
call, is graver.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from liveops.incidents.topology import Topology
from liveops.rca.kinds import meaning
from schema.incidents import Detection, Severity, worst

#: So many affected services are grave, and so many more than that.
MANY, VERY_MANY = 5, 20


def severity(
    rules: Collection[Severity],
    members: Iterable[Detection],
    services: Collection[str],
    topology: Topology,
) -> Severity:
    """The highest of the rules, raised by the reach of the incident.

    Latency or errors of an entry, which calls others and is called by nobody, are felt by
    users: at least `high`. So are five services; both together, or twenty, are `critical`.
    """
    many = len(services) >= MANY
    felt = any(
        topology.is_entry(one.service_name)
        and meaning(one.metric_type).kind in ("latency", "errors")
        for one in members
    )
    found = list(rules)
    if many or felt:
        found.append("high")
    if len(services) >= VERY_MANY or (many and felt):
        found.append("critical")
    return worst(found)
