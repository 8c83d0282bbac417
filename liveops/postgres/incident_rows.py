"""Incidents as rows of PostgreSQL, and rows as incidents."""

from __future__ import annotations

from typing import Any

import msgspec

from schema.incidents import Detection, Incident
from schema.times import to_datetime


def moment_of(time_s: float | None) -> Any:
    """A time as PostgreSQL takes it."""
    return None if time_s is None else to_datetime(time_s)


def columns_of(incident: Incident) -> tuple[Any, ...]:
    """Values of all columns, in the order of the query `insert`."""
    return (
        incident.id, incident.title, incident.description, incident.severity, incident.status,
        incident.service_name, incident.affected_services, to_datetime(incident.detected_at_s),
        moment_of(incident.resolved_at_s), moment_of(incident.acknowledged_at_s), incident.assignee,
        incident.version, incident.source, incident.fingerprint,
        msgspec.to_builtins(incident.detections), incident.stale, incident.event_to_detected_ms,
        incident.offsets, incident.detections_dropped, incident.by_hand,
    )  # fmt: skip


def changed_columns(incident: Incident) -> tuple[Any, ...]:
    """Values of the columns that a change may touch, the id first."""
    return (
        incident.id, incident.title, incident.description, incident.severity, incident.status,
        incident.service_name, incident.affected_services, moment_of(incident.resolved_at_s),
        moment_of(incident.acknowledged_at_s), incident.assignee, incident.version,
        incident.fingerprint, msgspec.to_builtins(incident.detections), incident.stale,
        incident.offsets, incident.detections_dropped, incident.by_hand,
    )  # fmt: skip


def incident_of(row: Any) -> Incident:
    """The incident of a row."""
    return Incident(
        id=str(row["id"]),
        title=row["title"],
        description=row["description"],
        severity=row["severity"],
        status=row["status"],
        service_name=row["service_name"],
        affected_services=list(row["affected_services"]),
        detected_at_s=row["detected_at"].timestamp(),
        resolved_at_s=row["resolved_at"].timestamp() if row["resolved_at"] else None,
        acknowledged_at_s=row["acknowledged_at"].timestamp() if row["acknowledged_at"] else None,
        assignee=row["assignee"],
        version=row["version"],
        source=row["source"],
        fingerprint=row["fingerprint"],
        detections=msgspec.convert(row["detections"], list[Detection]),
        detections_dropped=row["detections_dropped"],
        stale=row["stale"],
        event_to_detected_ms=row["event_to_detected_ms"],
        offsets=row["offsets"],
        by_hand=list(row["by_hand"]),
    )
