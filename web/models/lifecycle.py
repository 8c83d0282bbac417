"""Changes of many incidents at once, verdicts, statistics, changes of services."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schema.feedback import ChangeKind, FeedbackVerdict
from web.models.config import TagText
from web.models.fields import NO_NUL, Line, Moment, ServiceName, Severity
from web.models.incidents import Assignee

Remark = Annotated[str, Field(max_length=20_000, pattern=NO_NUL)]
Url = Annotated[str, Field(max_length=2000, pattern=r"^https?://[^\s\x00<>\"]+$")]
Status = Literal["open", "acknowledged", "resolved"]


class BulkBody(BaseModel):
    """The same `status` or `assignee` (null: nobody) for up to 500 incidents.

    `versions` is the `If-Match` of each: one that is not at the version named here is left as it
    is, and is in `failed` with 412.
    """

    model_config = ConfigDict(extra="forbid")

    ids: list[UUID] = Field(min_length=1, max_length=500)
    status: Status | None = None
    assignee: Assignee | None = None
    versions: dict[UUID, Annotated[int, Field(ge=1, le=999_999_999, strict=True)]] = Field(
        default={}, max_length=500
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        given = self.model_fields_set & {"status", "assignee"}
        if not given:
            raise ValueError("give status or assignee")
        if "status" in given and self.status is None:
            raise ValueError("status must not be null")
        return self


class BulkFailure(BaseModel):
    """Why one incident is not as wanted, with the HTTP status of a single call."""

    id: UUID
    status: int
    detail: str


class BulkAnswer(BaseModel):
    """Incidents that are now as wanted (also where they were before), and the others."""

    changed: list[UUID]
    failed: list[BulkFailure]


class Figures(BaseModel):
    """Counts and means; null where nothing was acknowledged, resolved or judged."""

    count: int
    mtta_s: float | None = Field(description="mean seconds from detection to acknowledgement")
    mttr_s: float | None = Field(description="mean seconds from detection to resolution")
    judged: int = Field(description="how many a person has given a verdict on")
    false_alarm_share: float | None = Field(description="not_an_incident ÷ judged")


class WeekFigures(Figures):
    """A week, named by its Monday (UTC)."""

    week: date


class ServiceFigures(Figures):
    """A service's incidents."""

    service_name: str


class StatsAnswer(Figures):
    """Incidents detected in a span; weeks in order, services with most incidents first."""

    by_week: list[WeekFigures]
    by_service: list[ServiceFigures]


class FeedbackBody(BaseModel):
    """Whether the analysis was right; `not_an_incident` also resolves the incident."""

    model_config = ConfigDict(extra="forbid")

    verdict: FeedbackVerdict
    true_cause: Annotated[str, Field(max_length=2000, pattern=NO_NUL)] | None = None
    comment: Remark | None = None


class FeedbackAnswer(BaseModel):
    """A stored verdict."""

    id: UUID
    incident_id: UUID
    analysis_id: UUID | None
    verdict: FeedbackVerdict
    true_cause: str | None
    comment: str | None
    created_by: str
    created_at: datetime


class ChangeBody(BaseModel):
    """A deploy or another change of a service, `at` a time (default now)."""

    model_config = ConfigDict(extra="forbid")

    service_name: ServiceName
    kind: ChangeKind
    title: Line
    at: Moment | None = None
    url: Url | None = None
    tags: dict[TagText, TagText] = Field(default={}, max_length=16)


class ChangeAnswer(BaseModel):
    """A stored change."""

    id: UUID
    service_name: str
    kind: ChangeKind
    title: str
    at: datetime
    url: str | None
    tags: dict[str, str]
    created_by: str


class ChangePage(BaseModel):
    """Changes, newest first."""

    items: list[ChangeAnswer]
    next_cursor: str | None


class SimilarIncident(BaseModel):
    """An earlier incident of the same service; `likeness` is the share of metrics in common."""

    id: UUID
    title: str
    severity: Severity
    status: Status
    service_name: str
    detected_at: datetime
    resolved_at: datetime | None
    verdict: FeedbackVerdict | None
    likeness: float
    resolved_by: str | None
    last_comment: str | None
    true_cause: str | None
    root_cause: str | None
    root_cause_service: str | None
    confirmed_cause: str | None = Field(
        description="the true cause, else what the analysis named that somebody said was right"
    )
    confirmed_by: str | None = Field(description="who said so")


class SimilarPage(BaseModel):
    """Earlier incidents, those most alike first; at most 20."""

    items: list[SimilarIncident]
    next_cursor: str | None
