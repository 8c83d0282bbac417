"""Silences in PostgreSQL; each change is told to the workers through `liveops.config`."""

from __future__ import annotations

from typing import Any

import msgspec

from liveops.detection.silence_preview import Past
from liveops.detection.silencing import Muting
from liveops.errors import NotFound
from liveops.outbox import enqueue
from liveops.postgres.database import Database
from liveops.postgres.incidents import add_event
from liveops.postgres.queries import load
from liveops.slices import in_slices
from schema.config import SILENCE
from schema.incidents import Detection
from schema.rules import Silence
from schema.times import to_datetime
from schema.topics import CONFIG

#: Incidents that a preview looks at.
MAX_PREVIEWED = 2000


async def current_silences(database: Database) -> list[Silence]:
    """Silences that have not ended, oldest first; raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(load("config")["silences"])
    return [msgspec.convert(row["definition"], Silence) for row in rows]


async def add_silence(database: Database, silence: Silence) -> None:
    """Store a silence and tell the workers; raises Unavailable."""
    async with database.transaction() as con:
        await _insert(con, silence)


async def _insert(con: Any, silence: Silence) -> None:
    definition = msgspec.to_builtins(silence)
    await con.execute(load("config")["insert_silence"], silence.id, definition)
    await enqueue(con, CONFIG, SILENCE + silence.id, msgspec.json.encode(silence))


async def silence_incident(database: Database, silence: Silence, incident_id: str) -> None:
    """Store a silence made from an incident, with a line in its timeline.

    Raises Unavailable.
    """
    async with database.transaction() as con:
        await _insert(con, silence)
        told = {"silence_id": silence.id, "service": silence.service, "metric": silence.metric,
                "ends_at": silence.ends_at, "reason": silence.reason}  # fmt: skip
        await add_event(con, incident_id, "silenced", silence.created_by, told)


async def recent_incidents(database: Database, from_s: float) -> list[Past]:
    """Incidents detected since then with their detections, the newest; raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(
            load("silences")["recent_detections"], to_datetime(from_s), MAX_PREVIEWED
        )
    return await in_slices(_past, rows)


def _past(row: Any) -> Past:
    detections = msgspec.convert(row["detections"], list[Detection])
    return Past(str(row["id"]), row["title"], detections)


async def replace_silence(database: Database, silence: Silence, now_s: float) -> None:
    """Put a silence in the place of the one with its id; raises NotFound or Unavailable.

    Where it is about the same and holds on, its span goes on; else the span that was told to
    have begun is over.
    """
    definition = msgspec.to_builtins(silence)
    async with database.transaction() as con:
        if await con.fetchval(load("config")["update_silence"], silence.id, definition) is None:
            raise NotFound("no silence with this id")
        await _move_spans(con, silence, now_s)
        await enqueue(con, CONFIG, SILENCE + silence.id, msgspec.json.encode(silence))


async def _move_spans(con: Any, silence: Silence, now_s: float) -> None:
    queries, span = load("silences"), Muting(silence).span_at(now_s)
    for row in await con.fetch(queries["spans_of"], silence.id):
        known = silence.id, row["begins_at"]
        if span and _about(msgspec.convert(row["definition"], Silence)) == _about(silence):
            edges = [to_datetime(edge_s) for edge_s in span]
            definition = msgspec.to_builtins(silence)
            await con.execute(queries["move_span"], *known, *edges, definition)
        else:
            await con.execute(queries["close_span"], *known, to_datetime(now_s))


def _about(silence: Silence) -> tuple[Any, ...]:
    return silence.service, silence.metric, silence.severity, silence.tags


async def delete_silence(database: Database, silence_id: str) -> None:
    """End a silence; raises NotFound or Unavailable."""
    async with database.transaction() as con:
        if await con.fetchval(load("config")["delete_silence"], silence_id) is None:
            raise NotFound("no silence with this id")
        await enqueue(con, CONFIG, SILENCE + silence_id, None)
