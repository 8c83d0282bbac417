"""Services that are no more; the detectors are told through `liveops.config`."""

from __future__ import annotations

import msgspec

from liveops.outbox import enqueue
from liveops.postgres.database import Database
from liveops.postgres.queries import load
from schema.config import DELETED
from schema.times import to_datetime
from schema.topics import CONFIG


async def delete_service(database: Database, service: str, at_s: float) -> None:
    """A service is no more since `at_s`; raises Unavailable.

    Its history and incidents stay. What it reports later is a service of that name again.
    """
    async with database.transaction() as con:
        await con.execute(load("services")["delete"], service, to_datetime(at_s))
        await enqueue(con, CONFIG, DELETED + service, msgspec.json.encode(at_s))


async def deleted_services(database: Database) -> dict[str, float]:
    """Since when services are no more (epoch seconds); raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(load("services")["deleted"])
    return {row["service_name"]: row["deleted_at"].timestamp() for row in rows}
