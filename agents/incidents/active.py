"""How many incidents are not resolved, by severity, as a metric."""

from __future__ import annotations

import asyncio

import structlog

from liveops.errors import Unavailable
from liveops.metrics.detection import INCIDENTS_ACTIVE
from liveops.postgres.database import Database
from liveops.postgres.queries import load
from schema.incidents import SEVERITIES

log = structlog.get_logger(__name__)
_LOOK_S = 5.0


async def watch_active(database: Database) -> None:
    """Look every few seconds; while PostgreSQL is away the last numbers stay."""
    while True:
        try:
            await look(database)
        except Unavailable:
            log.debug("active incidents not counted, postgres is away")
        await asyncio.sleep(_LOOK_S)


async def look(database: Database) -> None:
    """Count once; raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(load("observed")["active"])
    counts = {row["severity"]: row["count"] for row in rows}
    for severity in SEVERITIES:
        INCIDENTS_ACTIVE.labels(severity).set(counts.get(severity, 0))
