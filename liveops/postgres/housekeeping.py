"""Forgets what is over: expired tokens, ended silences, old edges, events that have left."""

from __future__ import annotations

import asyncio

import structlog

from liveops.errors import Unavailable
from liveops.outbox import enqueue
from liveops.postgres.database import Database
from liveops.postgres.queries import load
from liveops.postgres.topology import LEARNED_DAYS
from schema.config import DELETED, REVOKED, SILENCE
from schema.topics import CONFIG

log = structlog.get_logger(__name__)
EVERY_S = 600.0
#: Edges of the call graph that are kept of those learned from peer tags.
MAX_LEARNED_EDGES = 20_000


class Housekeeping:
    """Sweeps now and then; any number of copies may do so."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                await sweep(self._database)
            except Unavailable:
                log.debug("not swept, postgres is away")
            await asyncio.sleep(EVERY_S)


async def sweep(database: Database) -> None:
    """Delete what is over and tell the workers to forget it too; raises Unavailable."""
    queries = load("housekeeping")
    async with database.transaction() as con:
        await con.execute(queries["forget_refresh"])
        await con.execute(queries["forget_outbox"])
        await con.execute(queries["forget_deliveries"])
        await con.execute(queries["forget_llm_calls"])
        await con.execute(queries["forget_told"])
        await con.execute(queries["forget_edges"], MAX_LEARNED_EDGES, LEARNED_DAYS)
        await con.execute(queries["forget_detector_memory"])
        for row in await con.fetch(queries["forget_revoked"]):
            await enqueue(con, CONFIG, REVOKED + row["jti"], None)
        for row in await con.fetch(queries["forget_deleted"]):
            await enqueue(con, CONFIG, DELETED + row["service_name"], None)
        for row in await con.fetch(queries["forget_silences"]):
            await enqueue(con, CONFIG, SILENCE + str(row["id"]), None)
