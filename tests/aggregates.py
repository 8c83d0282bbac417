"""Windows and detections made for tests of detectors and correlator."""

from __future__ import annotations

from random import Random
from typing import Any

from liveops.detection.engine import observe
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import ServiceDetectors
from schema.ids import detection_id
from schema.incidents import Detection
from schema.metrics import WINDOW_S, Aggregate
from schema.rules import Rule

BEGIN_S = 1_700_000_100 // 900 * 900


def window(number: int, mean: float, **more: Any) -> Aggregate:
    """The `number`th window after BEGIN_S; by default closed, 60 values, 1 % spread."""
    size = WINDOW_S[more.get("window", "1m")]
    start = BEGIN_S + number * size
    final = more.get("final", True)
    values: dict[str, Any] = {
        "service_name": "svc",
        "metric_type": "latency_ms",
        "tags": {},
        "window": "1m",
        "start_s": start,
        "end_s": start + size,
        "count": 60,
        "sum": 60 * mean,
        "min": mean,
        "max": mean,
        "mean": mean,
        "stddev": abs(mean) * 0.01,
        "p50": mean,
        "p95": mean,
        "p99": mean,
        "rate": 1.0,
        "final": final,
        "revision": 0,
        "histogram": {},
        "broker_time_s": float(start + (size if final else size // 2)),
    }
    return Aggregate(**(values | more))


def rule(kind: str = "zscore", **more: Any) -> Rule:
    """A rule on every series."""
    limits: dict[str, Any] = {"op": ">", "value": 100.0} if kind == "threshold" else {}
    values: dict[str, Any] = {"id": f"rule-{kind}", "name": kind, "kind": kind, **limits}
    return Rule(**(values | more))


def feed(
    state: ServiceDetectors, book: RuleBook, means: list[float], first: int = 0
) -> list[Detection]:
    """Closed windows with these means, one after the other; all detections."""
    return [
        found
        for number, mean in enumerate(means, first)
        for found in observe(state, [window(number, mean)], book).detections
    ]


def quiet(count: int, seed: int = 0, level: float = 100.0) -> list[float]:
    """Means of a healthy series: 2 % noise."""
    noise = Random(seed)
    return [level * (1 + noise.gauss(0, 0.02)) for _ in range(count)]


def detection(service: str, onset_s: float = BEGIN_S, **more: Any) -> Detection:
    """A firing detection of a service."""
    values: dict[str, Any] = {
        "id": detection_id("r", service, more.get("metric_type", "latency_ms"), onset_s),
        "rule_id": "r",
        "detector": "zscore",
        "service_name": service,
        "metric_type": "latency_ms",
        "tags": {},
        "window": "1m",
        "severity": "high",
        "value": 500.0,
        "expected": 100.0,
        "lower": 80.0,
        "upper": 120.0,
        "score": 40.0,
        "reason": "mean 500 is far above the expected 100",
        "at_s": onset_s + 5,
        "onset_s": onset_s,
        "broker_time_s": onset_s + 5,
    }
    return Detection(**(values | more))
