"""Silences in PostgreSQL; each change is told to the workers through `liveops.config`."""

from __future__ import annotations

import msgspec

from liveops.errors import NotFound
from liveops.outbox import enqueue
from liveops.postgres.database import Database
from liveops.postgres.queries import load
from schema.config import SILENCE
from schema.rules import Silence
from schema.topics import CONFIG


async def current_silences(database: Database) -> list[Silence]:
    """Silences that have not ended, oldest first; raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(load("config")["silences"])
    return [msgspec.convert(row["definition"], Silence) for row in rows]


async def add_silence(database: Database, silence: Silence) -> None:
    """Store a silence and tell the workers; raises Unavailable."""
    async with database.transaction() as con:
        definition = msgspec.to_builtins(silence)
        await con.execute(load("config")["insert_silence"], silence.id, definition)
        await enqueue(con, CONFIG, SILENCE + silence.id, msgspec.json.encode(silence))


async def delete_silence(database: Database, silence_id: str) -> None:
    """End a silence; raises NotFound or Unavailable."""
    async with database.transaction() as con:
        if await con.fetchval(load("config")["delete_silence"], silence_id) is None:
            raise NotFound("no silence with this id")
        await enqueue(con, CONFIG, SILENCE + silence_id, None)
