"""Incidents as clients write them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from web.models.fields import NO_NUL, ServiceName, Severity

Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300, pattern=NO_NUL)
]
Text = Annotated[str, Field(max_length=20_000, pattern=NO_NUL)]
Assignee = Annotated[str, Field(max_length=200, pattern=NO_NUL)]


class IncidentBody(BaseModel):
    """A manual incident."""

    model_config = ConfigDict(extra="forbid")

    title: Title
    severity: Severity
    service_name: ServiceName
    description: Text = ""
    affected_services: list[ServiceName] = Field(default=[], max_length=500)
    assignee: Assignee | None = None


class IncidentPatch(BaseModel):
    """What a person may change; absent fields stay."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["open", "acknowledged", "resolved"] | None = None
    severity: Severity | None = None
    title: Title | None = None
    description: Text | None = None
    assignee: Assignee | None = None
    affected_services: list[ServiceName] | None = Field(default=None, max_length=500)


class CommentBody(BaseModel):
    """A remark for the timeline."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000, pattern=NO_NUL),
    ]


class SplitBody(BaseModel):
    """Services whose detections go; those of others stay."""

    model_config = ConfigDict(extra="forbid")

    services: list[ServiceName] = Field(min_length=1, max_length=500)


class DetectionAnswer(BaseModel):
    """One excursion of one series; `at` and `onset` are event time.

    `value` is as last told, `peak` the one that was furthest out.
    """

    id: UUID
    rule_id: UUID
    detector: str
    service_name: str
    metric_type: str
    tags: dict[str, str]
    window: str
    value: float
    peak: float
    expected: float | None
    lower: float | None
    upper: float | None
    score: float
    reason: str
    at: datetime
    onset: datetime
    state: Literal["firing", "resolved", "no_data"]


class Latency(BaseModel):
    """Milliseconds from the broker's stamp on the revealing record to the incident."""

    event_to_detected_ms: float | None


class IncidentAnswer(BaseModel):
    """An incident; the `ETag` is its version in quotes."""

    id: UUID
    title: str
    description: str
    severity: Severity
    status: Literal["open", "acknowledged", "resolved"]
    service_name: str
    affected_services: list[str]
    detected_at: datetime
    resolved_at: datetime | None
    acknowledged_at: datetime | None
    assignee: str | None
    version: int
    source: Literal["detector", "manual"]
    fingerprint: str
    detections: list[DetectionAnswer]
    detections_dropped: int = Field(description="how many more there were than are kept")
    stale: bool
    latency: Latency
    offsets: dict[str, dict[str, list[int]]]
    by_hand: list[str] = Field(description="fields that a person has set and no detector changes")


class IncidentDetail(IncidentAnswer):
    """An incident with its service's links (runbook, logs, ...), filled in for it."""

    links: dict[str, str]


class IncidentPage(BaseModel):
    """Incidents, newest first."""

    items: list[IncidentAnswer]
    next_cursor: str | None


class IncidentSummary(BaseModel):
    """How many incidents there are; every status and severity is named."""

    total: int
    by_status: dict[Literal["open", "acknowledged", "resolved"], int]
    by_severity: dict[Severity, int]


class EventAnswer(BaseModel):
    """One line of a timeline; `data` depends on the kind."""

    id: str
    at: datetime
    kind: str
    actor: str
    data: dict[str, Any]


class EventPage(BaseModel):
    """A timeline, oldest first."""

    items: list[EventAnswer]
    next_cursor: str | None
