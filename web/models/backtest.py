"""The dry run of a rule, asked and answered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from web.models.config import RuleBody

_LONGEST = timedelta(days=31)


class BacktestBody(BaseModel):
    """A rule as it would be stored, and the span, of at most 31 days."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    rule: RuleBody
    from_: AwareDatetime = Field(alias="from")
    to: AwareDatetime

    @model_validator(mode="after")
    def _span(self) -> Self:
        if not timedelta(0) < self.to - self.from_ <= _LONGEST:
            raise ValueError("`to` must be after `from`, by at most 31 days")
        if self.rule.kind == "no_data":
            raise ValueError("a no_data rule cannot be run over what is stored")
        return self


class AlarmAnswer(BaseModel):
    """An alarm that would have been; `end` is null while it would go on."""

    service_name: str
    metric_type: str
    tags: dict[str, str]
    onset: datetime
    end: datetime | None
    value: float
    reason: str
    incident_ids: list[UUID]


class BacktestAnswer(BaseModel):
    """All alarms of the span, up to 1000, and how many a day over all series."""

    alarms: list[AlarmAnswer]
    alarms_per_day: float
    series: int
    truncated: bool
