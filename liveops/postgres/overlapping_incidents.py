"""Which incidents there were at a time, by service."""

from __future__ import annotations

from dataclasses import dataclass

from liveops.postgres.database import Database
from liveops.postgres.queries import load
from schema.times import to_datetime

#: An incident that begins or ends so much later or earlier is still about the same.
_SLACK_S = 300.0


@dataclass(frozen=True, slots=True)
class Overlapping:
    """An incident with its services; `resolved_s` is infinite while it is not resolved."""

    id: str
    services: frozenset[str]
    detected_s: float
    resolved_s: float

    def was_about(self, service: str, onset_s: float, end_s: float) -> bool:
        """Whether it may tell of an excursion of this service."""
        begins_in_time = self.detected_s <= end_s + _SLACK_S
        return service in self.services and begins_in_time and self.resolved_s >= onset_s - _SLACK_S


async def read_overlapping(database: Database, from_s: float, to_s: float) -> list[Overlapping]:
    """Incidents not resolved at some time of a span, newest first; raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(
            load("incidents")["overlapping"], to_datetime(from_s), to_datetime(to_s)
        )
    return [
        Overlapping(
            str(row["id"]),
            frozenset([row["service_name"], *row["affected_services"]]),
            row["detected_at"].timestamp(),
            row["resolved_at"].timestamp() if row["resolved_at"] else float("inf"),
        )
        for row in rows
    ]
