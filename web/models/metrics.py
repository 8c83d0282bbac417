"""Metrics, windows and services as clients see them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class HistogramBody(BaseModel):
    """Values by bucket: counts[0] at or below bounds[0], …, the last one above the last bound.

    `count` is the sum of the counts.
    """

    model_config = ConfigDict(extra="forbid")

    count: int = Field(ge=0)
    sum: float
    bounds: list[float] = Field(max_length=999)
    counts: list[int] = Field(min_length=1, max_length=1000)


class MetricBody(BaseModel):
    """One metric; a body may also be an array, {"metrics": [...]} or NDJSON of these.

    At most 10,000 items a body (413). Each item has its own verdict: a number beyond a
    double, half a surrogate pair or a deep nest is a fault of that item, not of the body.
    The tag `liveops_overflow` is reserved.
    """

    model_config = ConfigDict(extra="forbid")

    service_name: str = Field(pattern=r"^[A-Za-z0-9._/-]{1,128}$")
    metric_type: str = Field(pattern=r"^[A-Za-z0-9._:/-]{1,128}$")
    value: float | None = Field(default=None, description="of every kind but histogram")
    tags: dict[str, str] = Field(default={}, max_length=16)
    timestamp: datetime | float | None = None
    kind: Literal["gauge", "counter", "delta", "histogram"] = Field(
        default="gauge",
        description="counter: cumulative, falls only at resets; delta: the value is an increase. "
        "The first of a series stays; a metric of another becomes a dead letter",
    )
    once: bool = Field(
        default=False, description="of metrics of the same series and time the first one counts"
    )
    start: datetime | float | None = Field(
        default=None, description="of a counter: when it began at 0"
    )
    histogram: HistogramBody | None = Field(
        default=None, description="of one interval, in the place of the value"
    )


class Rejected(BaseModel):
    """An item of a partial batch that was not accepted."""

    index: int
    errors: list[dict[str, object]]


class Accepted(BaseModel):
    """How many metrics the broker has acknowledged."""

    accepted: int
    rejected: list[Rejected] | None = None


class RawMetric(BaseModel):
    """An archived metric."""

    id: UUID
    service_name: str
    metric_type: str
    value: float
    tags: dict[str, str]
    timestamp: datetime
    kind: Literal["counter", "delta", "histogram"] | None = Field(
        default=None, description="left out for a gauge; the value of a histogram is its mean"
    )


class RawPage(BaseModel):
    """A page of raw metrics."""

    items: list[RawMetric]
    next_cursor: str | None


class Point(BaseModel):
    """One window of one series; with `fields` the figures not asked for are left out."""

    start: datetime
    end: datetime
    count: int | None = None
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    stddev: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    rate: float | None = None
    increase: float | None = Field(
        default=None, description="what a counter or delta grew by; null for other kinds"
    )
    rate_per_s: float | None = Field(default=None, description="the increase a second")
    final: bool


class Series(BaseModel):
    """Windows of one series, oldest first."""

    service_name: str
    metric_type: str
    tags: dict[str, str]
    points: list[Point]


class AggregatedAnswer(BaseModel):
    """Series of a service; `degraded` names parts that could not be asked.

    `truncated`: the span holds older windows than these; `to` leads to them.
    """

    window: Literal["1m", "5m", "15m", "1h", "1d"]
    series: list[Series]
    truncated: bool | None = None
    degraded: list[str] | None = None
