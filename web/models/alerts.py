"""Alertmanager's webhook, as far as it is read; Grafana's alerting sends the same."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from liveops.intake.foreign_alerts import ForeignAlert
from web.models.fields import NO_NUL, Moment

#: Alerts of one message.
MAX_ALERTS = 10_000
Text = Annotated[str, Field(max_length=4096, pattern=NO_NUL)]
Texts = Annotated[dict[Text, Text], Field(max_length=256)]
#: Alertmanager writes an end that is not known as the year 1.
_NO_END = datetime(1971, 1, 1).year


class AlertBody(BaseModel):
    """One alert. What is not named here is ignored: the form grows."""

    status: Literal["firing", "resolved"]
    labels: Texts
    annotations: Texts = {}
    starts_at: Moment = Field(alias="startsAt")
    ends_at: AwareDatetime | None = Field(default=None, alias="endsAt")
    fingerprint: Annotated[str, Field(max_length=256, pattern=NO_NUL)] = ""
    values: Annotated[dict[str, Any], Field(max_length=256)] | None = None

    def alert(self) -> ForeignAlert:
        """As the product holds it."""
        ends = self.ends_at
        known = ends is not None and ends.year >= _NO_END
        return ForeignAlert(
            self.status,
            self.labels,
            self.annotations,
            self.starts_at.timestamp(),
            ends.timestamp() if ends is not None and known else None,
            self.fingerprint,
            self.values or {},
        )


class AlertsBody(BaseModel):
    """A message of Alertmanager's webhook (version 4)."""

    alerts: list[AlertBody] = Field(min_length=1, max_length=MAX_ALERTS)


class RejectedAlert(BaseModel):
    """An alert that was not taken, by its place."""

    index: int
    errors: list[dict[str, Any]]


class AlertsAnswer(BaseModel):
    """How many became detections; those muted by a silence are among them."""

    accepted: int
    muted: int
    rejected: list[RejectedAlert]
