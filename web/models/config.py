"""Rules, silences and topology as clients write and see them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, FailFast, Field, FiniteFloat, model_validator

from schema.rules import Field as RuleField
from web.models.fields import NO_NUL, Glob, Line, Moment, ServiceName, Severity

TagText = Annotated[str, Field(min_length=1, max_length=256, pattern=NO_NUL)]


class RuleBody(BaseModel):
    """A rule; `op` and `value` belong to threshold, change and ratio, `sensitivity` to zscore
    and forecast.

    `change` compares the share by which the field changed since the window before (0.5 is
    half as much again), `ratio` the field of `metric` divided by that of `per` with the same
    tags; both judge closed windows.

    `one_alarm_in_days` belongs to ensemble, shape, zscore and forecast: about one false
    alarm in so many days of a series, 21 unless given; not beside `sensitivity`, which is how
    many deviations of normal noise are as rare as what is told.

    A `no_data` rule watches services as a whole (`scope: service`), each metric type of
    living services (`metric`), or each series it chooses (`series`, the default where it
    names a metric or tags); `window` is the least absence that means something.
    """

    model_config = ConfigDict(extra="forbid")

    name: Line
    kind: Literal[
        "threshold", "zscore", "forecast", "no_data", "ensemble", "shape", "change", "ratio"
    ]
    service: Glob = "*"
    metric: Glob = "*"
    tags: dict[TagText, TagText] = Field(default={}, max_length=16)
    window: Literal["1m", "5m", "15m"] = "1m"
    field: RuleField = "mean"
    per: Glob | None = None
    op: Literal[">", ">=", "<", "<="] | None = None
    value: FiniteFloat | None = None
    sensitivity: Annotated[float, Field(gt=0, le=1000)] | None = None
    one_alarm_in_days: Annotated[float, Field(ge=0.1, le=3650)] | None = None
    severity: Severity = "medium"
    for_s: float = Field(default=0, ge=0, le=86_400)
    keep_firing_for_s: float = Field(default=0, ge=0, le=86_400)
    enabled: bool = True
    scope: Literal["service", "metric", "series"] | None = None

    @model_validator(mode="after")
    def _fields_of_the_kind(self) -> Self:
        compares = self.kind in ("threshold", "change", "ratio")
        if compares and (self.op is None or self.value is None):
            raise ValueError(f"a {self.kind} rule needs op and value")
        if not compares and (self.op is not None or self.value is not None):
            raise ValueError("op and value belong to threshold, change and ratio rules")
        if self.kind == "ratio":
            self._fields_of_a_ratio()
        elif self.per is not None:
            raise ValueError("per belongs to ratio rules")
        if self.sensitivity is not None and self.kind not in ("zscore", "forecast"):
            raise ValueError("sensitivity belongs to zscore and forecast rules")
        if self.one_alarm_in_days is not None:
            self._fields_of_learning()
        if self.kind == "no_data":
            self._fields_of_absence()
        elif self.scope is not None:
            raise ValueError("scope belongs to no_data rules")
        return self

    def _fields_of_learning(self) -> None:
        if self.kind not in ("ensemble", "zscore", "forecast", "shape"):
            raise ValueError("one_alarm_in_days belongs to rules that learn")
        if self.sensitivity is not None:
            raise ValueError("give sensitivity or one_alarm_in_days: both say when to tell")

    def _fields_of_a_ratio(self) -> None:
        if self.per is None or set(self.metric + self.per) & set("*?["):
            raise ValueError("a ratio rule needs metric and per, each a metric type, no pattern")

    def _fields_of_absence(self) -> None:
        if self.field != "mean":
            raise ValueError("field does not belong to no_data rules")
        if self.scope in ("service", "metric") and (self.metric != "*" or self.tags):
            raise ValueError(f"metric and tags do not belong to scope {self.scope}")


class SilenceBody(BaseModel):
    """Mutes matching detections from `starts_at` (default now) until `ends_at`.

    With `rrule` it holds only for `duration_s` from each time that this RFC 5545 rule names,
    begun at `starts_at`; times of day are those of `zone` (default UTC).
    """

    model_config = ConfigDict(extra="forbid")

    service: Glob = "*"
    metric: Glob = "*"
    severity: Severity | None = None
    starts_at: Moment | None = None
    ends_at: Moment
    reason: str = Field(default="", max_length=1000, pattern=NO_NUL)
    tags: dict[TagText, TagText] = Field(default={}, max_length=16)
    rrule: Annotated[str, Field(max_length=300, pattern=NO_NUL)] | None = None
    duration_s: Annotated[float, Field(gt=0, le=7 * 86_400)] | None = None
    zone: Annotated[str, Field(max_length=64, pattern=NO_NUL)] | None = None

    @model_validator(mode="after")
    def _of_recurrence(self) -> Self:
        if (self.rrule is None) != (self.duration_s is None):
            raise ValueError("rrule and duration_s belong together")
        if self.zone is not None and self.rrule is None:
            raise ValueError("zone belongs to rrule")
        return self


class IncidentSilenceBody(BaseModel):
    """Mutes what an incident is about, for `duration_s` from now."""

    model_config = ConfigDict(extra="forbid")

    duration_s: float = Field(default=3600, gt=0, le=30 * 86_400)
    reason: str = Field(default="", max_length=1000, pattern=NO_NUL)


class PreviewItem(BaseModel):
    """An incident of which `muted` of `detections` would have been muted."""

    id: UUID
    title: str
    muted: int
    detections: int


class PreviewAnswer(BaseModel):
    """What a silence would have muted in the last week; up to 50 incidents are named.

    A silence that does not recur is tried as if it had been in force all week.
    """

    detections: int = Field(description="how many detections would have been muted")
    incidents: int = Field(description="how many incidents would not have been opened")
    items: list[PreviewItem]


#: Edges of a declared call graph.
MAX_EDGES = 10_000


class EdgeBody(BaseModel):
    """`from` calls `to`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    caller: ServiceName = Field(alias="from")
    callee: ServiceName = Field(alias="to")


class TopologyBody(BaseModel):
    """The declared call graph, whole."""

    model_config = ConfigDict(extra="forbid")

    edges: Annotated[list[EdgeBody], FailFast()] = Field(max_length=MAX_EDGES)


class RuleAnswer(BaseModel):
    """A rule in force."""

    id: UUID
    name: str
    kind: str
    service: str
    metric: str
    tags: dict[str, str]
    window: str
    field: str
    per: str | None
    op: str | None
    value: float | None
    sensitivity: float | None
    one_alarm_in_days: float | None
    severity: Severity
    for_s: float
    keep_firing_for_s: float
    enabled: bool
    version: int
    scope: str | None


class RulePage(BaseModel):
    """Rules by name."""

    items: list[RuleAnswer]
    next_cursor: str | None


class SilenceAnswer(BaseModel):
    """A silence that has not ended."""

    id: UUID
    service: str
    metric: str
    severity: Severity | None
    starts_at: datetime
    ends_at: datetime
    reason: str
    created_by: str
    tags: dict[str, str]
    rrule: str | None
    duration_s: float | None
    zone: str | None
    active: bool = Field(description="whether it holds now")
    changes_at: datetime | None = Field(
        description="when it begins or ends next; null where it does not any more"
    )


class SilencePage(BaseModel):
    """Silences, the next to end first."""

    items: list[SilenceAnswer]
    next_cursor: str | None


class EdgeAnswer(BaseModel):
    """`from` calls `to`, as declared or as learned from tags.

    What was learned expires unless it is seen again.
    """

    caller: str = Field(alias="from")
    callee: str = Field(alias="to")
    source: Literal["declared", "learned"]
    first_seen: datetime | None
    last_seen: datetime | None
    expires_at: datetime | None


class TopologyAnswer(BaseModel):
    """The call graph from all sources."""

    edges: list[EdgeAnswer]
