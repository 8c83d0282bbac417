"""Beginnings and ends of silences, each told once, whatever the number of workers."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from liveops.detection.silencing import Muting
from liveops.postgres.database import Database
from liveops.postgres.incidents import add_event
from liveops.postgres.queries import load
from liveops.postgres.silences import current_silences
from schema.rules import Silence
from schema.times import to_datetime

#: The actor of what happens by itself.
_ACTOR = "liveops"
State = Literal["begun", "ended"]


async def tell_spans(database: Database, now_s: float) -> list[tuple[State, Silence]]:
    """Write what has begun or ended to the timelines; returns it. Raises Unavailable."""
    queries = load("silences")
    held = [(one, Muting(one).span_at(now_s)) for one in await current_silences(database)]
    news: list[tuple[State, Silence]] = []
    async with database.transaction() as con:
        for row in await con.fetch(queries["end_spans"], to_datetime(now_s)):
            news.append(("ended", msgspec.convert(row["definition"], Silence)))
        for silence, span in held:
            if span is None:
                continue
            edges = [to_datetime(edge_s) for edge_s in span]
            definition = msgspec.to_builtins(silence)
            if await con.fetchval(queries["begin_span"], silence.id, *edges, definition):
                news.append(("begun", silence))
        if news:
            await _write(con, news)
    return news


async def _write(con: Any, news: list[tuple[State, Silence]]) -> None:
    for row in await con.fetch(load("silences")["unresolved"]):
        services = {row["service_name"], *row["affected_services"]}
        for state, silence in news:
            if not any(fnmatchcase(service, silence.service) for service in services):
                continue
            data = {"silence_id": silence.id, "state": state, "service": silence.service,
                    "metric": silence.metric, "reason": silence.reason}  # fmt: skip
            await add_event(con, str(row["id"]), "silence", _ACTOR, data)
