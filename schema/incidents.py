"""Incidents and the detections they are made of; which status may follow which."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from schema.times import format_time, parse_time_s

Severity = Literal["critical", "high", "medium", "low"]
Status = Literal["open", "acknowledged", "resolved"]
#: Gravest first.
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")
STATUSES: tuple[Status, ...] = ("open", "acknowledged", "resolved")
#: Legal changes of status besides "the same again", which changes nothing.
TRANSITIONS: dict[str, frozenset[str]] = {
    "open": frozenset({"acknowledged", "resolved"}),
    "acknowledged": frozenset({"resolved"}),
    "resolved": frozenset({"open"}),
}


#: Metric type of what is about a service as a whole.
WHOLE = "*"
#: Named as the service of an incident in which nothing reports: the feed is the matter.
FEED = "liveops"


class Detection(Struct, frozen=True):
    """One excursion of one series, as a detector saw it.

    Times are epoch seconds: `onset_s`/`at_s` event time, `broker_time_s` when the
    record that revealed it reached the broker. `state` is `firing`, `resolved`
    (healthy again) or `no_data` (the series fell silent while it was firing). `value` is
    as last told, `peak` the one that was furthest out. Of `no_data` detections, `value` is
    seconds of silence and `metric_type` `*` for the service as a whole.
    """

    id: str
    rule_id: str
    detector: str
    service_name: str
    metric_type: str
    tags: dict[str, str]
    window: str
    severity: Severity
    value: float
    expected: float | None
    lower: float | None
    upper: float | None
    score: float
    reason: str
    at_s: float
    onset_s: float
    broker_time_s: float
    state: Literal["firing", "resolved", "no_data"] = "firing"
    labels: dict[str, str] = {}
    peak: float | None = None

    @property
    def furthest(self) -> float:
        """The value that was furthest out, as far as is known."""
        return self.value if self.peak is None else self.peak


class Mark(Struct, frozen=True):
    """A detector partition has judged everything up to `watermark` (RFC 3339, event time).

    `live` of its services reported when the partition was last heard; `silent_s` seconds
    ago, when everything there is was read, else 0.
    """

    partition: int
    watermark: str
    live: int = 0
    silent_s: float = 0.0

    @property
    def watermark_s(self) -> float:
        """The watermark in epoch seconds; raises ValueError."""
        return parse_time_s(self.watermark)


class _MarkRecord(Struct, frozen=True):
    mark: Mark | None = None


_decode_mark = msgspec.json.Decoder(_MarkRecord).decode
_decode_detection = msgspec.json.Decoder(Detection).decode


def write_mark(mark: Mark) -> bytes:
    """The record of a mark on `liveops.detections`."""
    return msgspec.json.encode(_MarkRecord(mark))


def read_detection(value: bytes) -> Detection | Mark:
    """A record of `liveops.detections`; raises ValueError."""
    mark = _decode_mark(value).mark
    if mark is None:
        return _decode_detection(value)
    parse_time_s(mark.watermark)
    return mark


class Incident(Struct, kw_only=True):
    """The incident of contract §3; times are epoch seconds or None inside."""

    id: str
    title: str
    description: str
    severity: Severity
    status: Status
    service_name: str
    affected_services: list[str]
    detected_at_s: float
    resolved_at_s: float | None = None
    acknowledged_at_s: float | None = None
    assignee: str | None = None
    version: int = 1
    source: Literal["detector", "manual"] = "detector"
    fingerprint: str = ""
    detections: list[Detection] = []
    #: How many more there were than are kept.
    detections_dropped: int = 0
    stale: bool = False
    event_to_detected_ms: float | None = None
    offsets: dict[str, dict[str, list[int]]] = {}
    #: Fields that a person has set; the correlator leaves them alone.
    by_hand: list[str] = []


def worst(severities: list[Severity]) -> Severity:
    """The gravest of a non-empty list."""
    return min(severities, key=SEVERITIES.index)


def fingerprint_of(service: str, metric_types: list[str]) -> str:
    """Fingerprint of what an incident looks like: its service and metrics."""
    return service + "|" + ",".join(sorted(set(metric_types)))


def public_detection(detection: Detection) -> dict[str, Any]:
    """JSON form of one detection."""
    return {
        "id": detection.id,
        "rule_id": detection.rule_id,
        "detector": detection.detector,
        "service_name": detection.service_name,
        "metric_type": detection.metric_type,
        "tags": detection.tags,
        "window": detection.window,
        "value": detection.value,
        "peak": detection.furthest,
        "expected": detection.expected,
        "lower": detection.lower,
        "upper": detection.upper,
        "score": detection.score,
        "reason": detection.reason,
        "at": format_time(detection.at_s),
        "onset": format_time(detection.onset_s),
        "state": detection.state,
    }


def public_incident(incident: Incident) -> dict[str, Any]:
    """JSON form of HTTP answers and of the incident topics."""

    def time_or_none(value: float | None) -> str | None:
        return None if value is None else format_time(value)

    return {
        "id": incident.id,
        "title": incident.title,
        "description": incident.description,
        "severity": incident.severity,
        "status": incident.status,
        "service_name": incident.service_name,
        "affected_services": incident.affected_services,
        "detected_at": format_time(incident.detected_at_s),
        "resolved_at": time_or_none(incident.resolved_at_s),
        "acknowledged_at": time_or_none(incident.acknowledged_at_s),
        "assignee": incident.assignee,
        "version": incident.version,
        "source": incident.source,
        "fingerprint": incident.fingerprint,
        "detections": [public_detection(item) for item in incident.detections],
        "detections_dropped": incident.detections_dropped,
        "stale": incident.stale,
        "latency": {"event_to_detected_ms": incident.event_to_detected_ms},
        "offsets": incident.offsets,
        "by_hand": incident.by_hand,
    }
