"""Incidents as clients write them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Severity = Literal["critical", "high", "medium", "low"]
ServiceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,128}$")]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
#: PostgreSQL text cannot hold NUL.
Text = Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00]*$")]


class IncidentBody(BaseModel):
    """A manual incident."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[Title, Field(pattern=r"^[^\x00]*$")]
    severity: Severity
    service_name: ServiceName
    description: Text = ""
    affected_services: list[ServiceName] = Field(default=[], max_length=500)
    assignee: Text | None = None


class IncidentPatch(BaseModel):
    """What a person may change; absent fields stay."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["open", "acknowledged", "resolved"] | None = None
    severity: Severity | None = None
    title: Annotated[Title, Field(pattern=r"^[^\x00]*$")] | None = None
    description: Text | None = None
    assignee: Text | None = None
    affected_services: list[ServiceName] | None = Field(default=None, max_length=500)


class CommentBody(BaseModel):
    """A remark for the timeline."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)
    ] = Field(pattern=r"^[^\x00]*$")
