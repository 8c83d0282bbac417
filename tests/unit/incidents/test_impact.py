"""Severity from the reach of an incident, never below that of its rules."""

from __future__ import annotations

import pytest

from liveops.incidents.impact import MANY, VERY_MANY, severity
from liveops.incidents.topology import Topology
from schema.incidents import Severity
from schema.rules import Edge
from tests.aggregates import detection

CALLS = Topology([Edge(caller="entry", callee="back"), Edge(caller="back", callee="db")])


@pytest.mark.parametrize(
    ("rule", "services", "metric", "expected"),
    [
        ("low", ["db"], "latency_ms", "low"),
        ("low", ["db", "back"], "latency_ms", "low"),
        ("low", ["entry"], "latency_ms", "high"),
        ("low", ["entry"], "cpu_percent", "low"),
        ("low", [f"s{n}" for n in range(MANY)], "latency_ms", "high"),
        ("low", ["entry", *(f"s{n}" for n in range(MANY - 1))], "error_rate", "critical"),
        ("low", [f"s{n}" for n in range(VERY_MANY)], "latency_ms", "critical"),
        ("critical", ["db"], "latency_ms", "critical"),
    ],
)
def test_who_is_reached_decides(
    rule: Severity, services: list[str], metric: str, expected: Severity
) -> None:
    members = [detection(name, metric_type=metric, severity=rule) for name in services]
    assert severity([rule], members, services, CALLS) == expected
