"""Small incidents for the tests of the analysis."""

from __future__ import annotations

from typing import Any

from liveops.rca.series import Sample
from schema.incidents import Detection, Incident

START_S = 1_700_000_040.0  # a whole minute
CHAIN = [("front", "mid"), ("mid", "back"), ("front", "side")]
SERVICES = ("front", "mid", "back", "side")


def history(services: tuple[str, ...] = SERVICES, minutes: int = 40) -> list[Sample]:
    """Quiet minutes before the incident, each service with a slightly different level."""
    return [
        Sample(name, "latency_ms", START_S - 60 * (minutes - i), 100 + 7 * n + (i * 37 % 11) / 5)
        for n, name in enumerate(services)
        for i in range(minutes)
    ]


def during(levels: dict[str, float], delay_min: dict[str, int] | None = None) -> list[Sample]:
    """Four minutes of the incident at the given levels, some starting later."""
    late = delay_min or {}
    quiet = {s.service_name: s.value for s in history(tuple(SERVICES))}
    return [
        Sample(
            name,
            "latency_ms",
            START_S + 60 * minute,
            levels.get(name, quiet[name]) if minute >= late.get(name, 0) else quiet[name],
        )
        for name in SERVICES
        for minute in range(4)
    ]


def detection(service: str, value: float = 900.0, **other: object) -> Detection:
    """A z-score detection of a service's latency."""
    fields: dict[str, Any] = {
        "id": f"d-{service}", "rule_id": "r", "detector": "zscore", "service_name": service,
        "metric_type": "latency_ms", "tags": {}, "window": "1m", "severity": "high",
        "value": value, "expected": 100.0, "lower": 80.0, "upper": 120.0, "score": 9.0,
        "reason": "", "at_s": START_S + 30, "onset_s": START_S + 20,
        "broker_time_s": START_S + 30,
    }  # fmt: skip
    return Detection(**(fields | other))


def incident(*detections: Detection, **other: object) -> Incident:
    """An incident at the front."""
    fields: dict[str, Any] = {
        "id": "7d0ad6d2-7d5c-4d53-8f3c-94f0f0e3a001", "title": "front is slow",
        "description": "", "severity": "high", "status": "open", "service_name": "front",
        "affected_services": sorted({"front", *(d.service_name for d in detections)}),
        "detected_at_s": START_S + 50, "detections": list(detections),
    }  # fmt: skip
    return Incident(**(fields | other))
