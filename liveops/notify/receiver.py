"""Receivers: who is told of incidents, and of which."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal["webhook", "slack", "pagerduty", "alertmanager", "apprise"]
#: People read these: many messages at once become one digest.
READ_BY_PEOPLE: frozenset[str] = frozenset({"slack", "apprise"})
#: Stands in a URL for the secret, which is put there when something is sent.
SECRET_PLACE = "{secret}"  # noqa: S105 - the place, not a secret


class Hours(Struct, frozen=True):
    """Times of the week, in the zone's own clock: `days` 1 (Monday) to 7, `start` to `end`.

    `start` and `end` are minutes since midnight; an `end` before `start` is on the next day.
    """

    start: int
    end: int
    days: tuple[int, ...]
    zone: str


class Match(Struct, frozen=True):
    """Which incidents a receiver is told of; no severities means all."""

    service: str = "*"
    severities: tuple[str, ...] = ()
    hours: Hours | None = None


class Receiver(Struct, frozen=True):
    """One receiver. `after_s`: told only when nobody acknowledged within so many seconds.

    `silences`: told when silences begin and end, too.
    """

    id: str
    name: str
    kind: Kind
    url: str
    match: Match = Match()
    after_s: float = 0.0
    enabled: bool = True
    silences: bool = False
    secret: str = ""
    version: int = 1

    @property
    def address(self) -> str:
        """The URL with the secret in its place."""
        return self.url.replace(SECRET_PLACE, self.secret)

    def __repr__(self) -> str:
        return f"Receiver({self.id!r}, {self.name!r}, {self.kind!r})"
