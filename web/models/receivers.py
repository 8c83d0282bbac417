"""Receivers of notifications as clients write and see them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from liveops.notify.apprise_urls import BadUrl, plugin_of
from liveops.notify.receiver import SECRET_PLACE, Hours, Match, Receiver
from liveops.notify.silences import TOLD_OF_SILENCES
from liveops.notify.slack import BOT_TOKEN, channel_of
from web.models.fields import NO_NUL, Glob, Line, Severity

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
_CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$"
_VISIBLE = re.compile(r"[!-~]+")
Secret = Annotated[str, Field(max_length=1000, pattern=r"^[ -~]*$")]


class HoursBody(BaseModel):
    """When the receiver is told: `from` to `to` by the zone's clock; over midnight if before."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    start: str = Field(alias="from", pattern=_CLOCK)
    end: str = Field(alias="to", pattern=_CLOCK)
    days: list[Annotated[int, Field(ge=1, le=7)]] = Field(
        default=[1, 2, 3, 4, 5, 6, 7],
        min_length=1,
        max_length=7,
        description="1 is Monday; hours over midnight belong to the day on which they begin",
    )
    zone: str = Field(default="UTC", max_length=100, description="A name of the IANA database")

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is no time zone") from None
        return zone

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start == "24:00" or self.start == self.end:
            raise ValueError("from and to must differ, and from must be before 24:00")
        return self

    def hours(self) -> Hours:
        """As the product holds them."""
        return Hours(_minutes(self.start), _minutes(self.end), tuple(self.days), self.zone)


class MatchBody(BaseModel):
    """Which incidents: `service` is compared with the main and the affected services."""

    model_config = ConfigDict(extra="forbid")

    service: Glob = "*"
    severities: list[Severity] = Field(default=[], max_length=4, description="Empty means all")
    hours: HoursBody | None = None


class ReceiverBody(BaseModel):
    """A receiver.

    `url`: of a webhook, of Slack's incoming webhook or (with a bot's token as `secret`)
    `https://slack.com/api?channel=C0123`, of PagerDuty (may be left out), of Alertmanager
    (`/api/v2/alerts` is added), or a URL of the library apprise. `{secret}` in the URL of slack
    and apprise stands for the secret. `secret`: the key that signs webhooks, the bot's token,
    PagerDuty's routing key, Alertmanager's token or `user:password`; left out in a PUT it
    stays, "" removes it. `after_s`: told only when nobody has acknowledged within so long.
    `silences`: a webhook, Slack or apprise receiver is told when silences begin and end, too.
    """

    model_config = ConfigDict(extra="forbid")

    name: Line
    kind: Literal["webhook", "slack", "pagerduty", "alertmanager", "apprise"]
    url: str = Field(default="", max_length=2000, pattern=NO_NUL)
    secret: Secret | None = None
    match: MatchBody = MatchBody()
    after_s: float = Field(default=0, ge=0, le=7 * 86_400)
    enabled: bool = True
    silences: bool = False

    @model_validator(mode="after")
    def _fields_of_the_kind(self) -> Self:
        if self.silences and self.kind not in TOLD_OF_SILENCES:
            raise ValueError(f"a {self.kind} receiver holds alerts and is not told of silences")
        if self.kind == "pagerduty" and not self.url:
            self.url = PAGERDUTY
        if SECRET_PLACE in self.url and self.kind not in ("slack", "apprise"):
            raise ValueError(f"{SECRET_PLACE} belongs into the url of slack and apprise receivers")
        return self

    def receiver(self, receiver_id: str, kept_secret: str = "") -> Receiver:
        """As the product holds it, checked whole; raises ValueError."""
        hours = self.match.hours.hours() if self.match.hours else None
        severities = tuple(dict.fromkeys(self.match.severities))
        receiver = Receiver(
            receiver_id,
            self.name,
            self.kind,
            self.url,
            Match(self.match.service, severities, hours),
            self.after_s,
            self.enabled,
            self.silences,
            kept_secret if self.secret is None else self.secret,
        )
        check_url(receiver)
        return receiver


def check_url(receiver: Receiver) -> None:
    """Raises ValueError, without words of the URL, when it is none of the kind."""
    if receiver.kind == "apprise":
        try:
            plugin_of(receiver.address)
        except BadUrl as error:
            raise ValueError(str(error)) from None
        return
    try:
        parts = urlsplit(receiver.address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no URL") from None
    if parts.scheme not in ("http", "https") or not host or not _VISIBLE.fullmatch(receiver.url):
        raise ValueError("must be a URL with http or https and a host")
    if parts.username is not None or parts.fragment:
        raise ValueError("must have no user and no fragment")
    if receiver.kind == "pagerduty" and not receiver.secret:
        raise ValueError("a pagerduty receiver needs its routing key as secret")
    if receiver.kind == "slack" and receiver.secret.startswith(BOT_TOKEN):
        if not channel_of(receiver.url):
            raise ValueError("with a bot's token the URL must name a channel: ?channel=C0123")


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


class FailureAnswer(BaseModel):
    """When a message was last not delivered, and why."""

    at: datetime
    detail: str


class MatchAnswer(BaseModel):
    """Which incidents."""

    service: str
    severities: list[Severity]
    hours: HoursBody | None


class ReceiverAnswer(BaseModel):
    """A receiver, without its secret. `failing`: its last message was not delivered."""

    id: UUID
    name: str
    kind: str
    url: str
    has_secret: bool
    match: MatchAnswer
    after_s: float
    enabled: bool
    silences: bool
    version: int
    failing: bool
    last_delivered_at: datetime | None
    last_failure: FailureAnswer | None


class ReceiverPage(BaseModel):
    """Receivers by name."""

    items: list[ReceiverAnswer]
    next_cursor: str | None


class TrialAnswer(BaseModel):
    """Whether a test message was taken, and what was answered."""

    delivered: bool
    detail: str
