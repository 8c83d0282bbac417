"""Services: what they report, and which are no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from liveops.outbox import enqueue
from liveops.postgres.database import Database
from liveops.postgres.queries import load
from schema.config import DELETED
from schema.times import to_datetime
from schema.topics import CONFIG


@dataclass(slots=True)
class SeenService:
    """A service that reports: since when roughly, and the kind of each metric type."""

    service_name: str
    last_seen_s: float
    kinds: dict[str, str] = field(default_factory=dict)


async def read_services(
    database: Database, since_s: float, names: Sequence[str] = ()
) -> list[SeenService]:
    """Services seen since a time, of these names if given; known within minutes.

    Raises Unavailable.
    """
    async with database.connection() as con:
        rows = await con.fetch(load("services")["seen"], to_datetime(since_s), names or None)
    return [
        SeenService(
            row["service_name"],
            row["last_seen"].timestamp(),
            dict(zip(row["metric_types"], row["kinds"], strict=True)),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class NewestWindows:
    """Of a service: its newest closed minute with its values, and how many series report."""

    start_s: float
    count: int
    series: int


async def read_newest(
    database: Database, services: Sequence[str], since_s: float, until_s: float
) -> dict[str, NewestWindows]:
    """What the newest windows of services in a span say; raises Unavailable."""
    query, span = load("services")["newest"], (to_datetime(since_s), to_datetime(until_s))
    async with database.connection() as con:
        rows = await con.fetch(query, services, *span)
    return {
        row["service_name"]: NewestWindows(
            row["start"].timestamp(), row["count"], max(row["series"], row["quarter"])
        )
        for row in rows
    }


async def delete_service(database: Database, service: str, at_s: float) -> None:
    """A service is no more since `at_s`; the detectors are told. Raises Unavailable.

    Its history, incidents and card stay. What it reports later is a service of that name again.
    """
    async with database.transaction() as con:
        await con.execute(load("services")["delete"], service, to_datetime(at_s))
        await enqueue(con, CONFIG, DELETED + service, msgspec.json.encode(at_s))


async def deleted_services(database: Database) -> dict[str, float]:
    """Since when services are no more (epoch seconds); raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(load("services")["deleted"])
    return {row["service_name"]: row["deleted_at"].timestamp() for row in rows}
