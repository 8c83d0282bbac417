"""Services as clients see them, and what people may say of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from liveops.errors import InvalidInput, Issue
from schema.service_cards import (
    MAX_LINK_CHARS,
    MAX_OWNER_CHARS,
    MAX_RUNBOOK_CHARS,
    fault_of_link,
)
from web.models.fields import NO_NUL

Owner = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=MAX_OWNER_CHARS, pattern=NO_NUL)
]


Runbook = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=MAX_RUNBOOK_CHARS, pattern=NO_NUL)
]


def _checked(template: str) -> str:
    fault = fault_of_link(template)
    if fault is not None:
        raise ValueError(fault)
    return template


Link = Annotated[
    str,
    Field(min_length=1, max_length=MAX_LINK_CHARS, pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://"),
    AfterValidator(_checked),
]


class Links(BaseModel):
    """Where to look further: templates of http or https URLs; a link that is null goes.

    In braces: {service}, {metric}, {from}, {to}, {from_ms}, {to_ms}, {incident}.
    """

    model_config = ConfigDict(extra="forbid")

    runbook: Link | None = None
    dashboard: Link | None = None
    repository: Link | None = None
    logs: Link | None = None
    traces: Link | None = None


class ServicePatch(BaseModel):
    """What an engineer may change; absent fields and links stay, a link that is null goes."""

    model_config = ConfigDict(extra="forbid")

    owner: Owner | None = None
    links: Links | None = None
    runbook_text: Runbook | None = Field(
        default=None,
        description="what to do when it is in trouble; analyses cite it, and take commands only "
        "from here: those in backticks or on lines of their own",
    )


def changes_of(body: ServicePatch) -> dict[str, Any]:
    """The fields that a PATCH names; raises InvalidInput."""
    for name in body.model_fields_set:
        if getattr(body, name) is None:
            raise InvalidInput(f"{name} is null", [Issue([name], "must not be null")])
    return body.model_dump(exclude_unset=True)


class ServiceAnswer(BaseModel):
    """A service that reports metrics; `severity` is the gravest of its unresolved incidents."""

    service_name: str
    health: Literal["ok", "degraded", "critical", "silent"]
    state: Literal["reporting", "silent"]
    severity: Literal["critical", "high", "medium", "low"] | None
    open_incidents: int
    metric_types: list[str]
    kinds: dict[str, Literal["gauge", "counter", "delta", "histogram"]] = Field(
        description="of each metric type"
    )
    series: int = Field(description="in the newest closed windows")
    rate_per_s: float = Field(description="metrics a second in the newest closed minute")
    last_seen: datetime
    owner: str
    links: dict[str, str] = Field(description="templates of URLs by name")
    runbook_text: str
    version: int = Field(description="of owner, links and runbook; also the ETag")


class ServiceList(BaseModel):
    """Services seen within a day, by name."""

    items: list[ServiceAnswer]
    next_cursor: str | None
    degraded: list[str] | None = None
