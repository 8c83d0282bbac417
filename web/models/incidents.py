"""Incidents as clients write them."""

from __future__ import annotations

from typing import Annotated, Literal

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
