"""Beginnings and ends of silences, each told once, whatever the number of workers."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import msgspec

from liveops.detection.silencing import Muting
from liveops.notify.silences import State, delivery_id, due_s, wanting
from liveops.postgres.database import Database
from liveops.postgres.incidents import add_event
from liveops.postgres.queries import load
from liveops.postgres.receivers import receivers_by_id
from liveops.postgres.silences import current_silences
from schema.rules import Silence
from schema.times import to_datetime

#: The actor of what happens by itself.
_ACTOR = "liveops"


class _News(NamedTuple):
    """A silence whose span, which began then, has begun or ended."""

    state: State
    silence: Silence
    begins_s: float


async def tell_spans(database: Database, now_s: float) -> list[tuple[State, Silence]]:
    """Write what has begun or ended to the timelines; returns it. Raises Unavailable."""
    queries = load("silences")
    held = [(one, Muting(one).span_at(now_s)) for one in await current_silences(database)]
    news: list[_News] = []
    async with database.transaction() as con:
        for row in await con.fetch(queries["end_spans"], to_datetime(now_s)):
            ended = msgspec.convert(row["definition"], Silence)
            news.append(_News("ended", ended, row["begins_at"].timestamp()))
        for silence, span in held:
            if span is None:
                continue
            edges = [to_datetime(edge_s) for edge_s in span]
            definition = msgspec.to_builtins(silence)
            if await con.fetchval(queries["begin_span"], silence.id, *edges, definition):
                news.append(_News("begun", silence, edges[0].timestamp()))
        if news:
            await _write(con, news)
            await _tell_receivers(con, news, now_s)
    return [(one.state, one.silence) for one in news]


async def _tell_receivers(con: Any, news: list[_News], now_s: float) -> None:
    receivers = list((await receivers_by_id(con)).values())
    rows = [
        (
            delivery_id(to, one.silence, one.begins_s, one.state), to.id, one.silence.id,
            f"silence_{one.state}", msgspec.to_builtins(one.silence),
            to_datetime(due_s(to, now_s)),
        )
        for one in news
        for to in wanting(receivers, one.silence)
    ]  # fmt: skip
    for row in rows:
        await con.execute(load("deliveries")["insert_silence"], *row)


async def _write(con: Any, news: list[_News]) -> None:
    for row in await con.fetch(load("silences")["unresolved"]):
        services = {row["service_name"], *row["affected_services"]}
        for state, silence, _ in news:
            if not any(fnmatchcase(service, silence.service) for service in services):
                continue
            data = {"silence_id": silence.id, "state": state, "service": silence.service,
                    "metric": silence.metric, "reason": silence.reason}  # fmt: skip
            await add_event(con, str(row["id"]), "silence", _ACTOR, data)
