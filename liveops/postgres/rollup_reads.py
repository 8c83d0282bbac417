"""Reads of rollups, with shorter windows in the place of those that are out of date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from liveops.postgres.archive import Connection
from liveops.postgres.database import Database
from liveops.postgres.history import WindowQuery
from liveops.postgres.queries import load
from liveops.postgres.rollups import Spans
from liveops.window_query.stale import DAY_S, HOUR_S, Place, Span, Stale, spans
from schema.times import to_datetime


@dataclass(slots=True)
class RolledRows:
    """Rows of one moment, each list newest first; `parts` are to be merged into rollups."""

    rollups: list[Any]
    parts: list[list[Any]]


async def read_rolled(
    database: Database, query: WindowQuery, fresh: Iterable[Place], limit: int
) -> RolledRows:
    """Rollups of a span that begins and ends with one of the query's size; at most `limit` rows
    of each length.

    `fresh` are hours of which newer windows are known elsewhere. Raises Unavailable.
    """
    async with (
        database.connection() as con,
        con.transaction(isolation="repeatable_read", readonly=True),
    ):
        stale = await _stale(con, query)
        for service, hour_s in fresh:
            stale.add_hour(service, hour_s)
        rollups = await con.fetch(
            load("rollups")["rollups"],
            query.services,
            query.window,
            to_datetime(query.from_s),
            to_datetime(query.to_s),
            query.metrics or None,
            query.mergeable,
            limit,
            *_columns(stale.of(query.window)),
        )
        parts = []
        if query.window == "1d":
            days = _within(spans(stale.days, DAY_S), query)
            parts.append(await _parts(con, "hours", days, query, limit, stale.hours))
        hours = _within(spans(stale.hours, HOUR_S), query)
        parts.append(await _parts(con, "quarters", hours, query, limit))
    return RolledRows(rollups, parts)


async def _stale(con: Connection, query: WindowQuery) -> Stale:
    stale = Stale()
    # A day is stale with its hours, so that the whole day matters.
    low_s, high_s = query.from_s // DAY_S * DAY_S, -(-query.to_s // DAY_S) * DAY_S
    low, high = to_datetime(low_s), to_datetime(high_s)
    for service, window, start_s in await con.fetch(
        load("rollups")["stale"], query.services, low, high
    ):
        if window == "1h":
            stale.add_hour(service, start_s)
        else:
            stale.days.add((service, start_s))
    for day_s, done in await con.fetch(load("rollups")["backlog"], low.date(), high.date()):
        for service in query.services:
            if service > done:
                stale.add_day(service, day_s)
    return stale


def _within(found: list[Span], query: WindowQuery) -> list[Span]:
    """Spans cut to that of the query."""
    low_s, high_s = int(query.from_s), int(query.to_s)
    cut = [(service, max(low, low_s), min(high, high_s)) for service, low, high in found]
    return [span for span in cut if span[1] < span[2]]


async def _parts(
    con: Connection, name: str, found: list[Span], query: WindowQuery, limit: int,
    without: Iterable[Place] = (),
) -> list[Any]:  # fmt: skip
    if not found:
        return []
    services, lows, highs = (list(column) for column in zip(*found, strict=True))
    parameters = [
        *Spans(services, lows, highs).columns,
        to_datetime(min(lows)),
        to_datetime(max(highs)),
        query.metrics or None,
        limit,
    ]
    if name == "hours":
        parameters += _columns(without)
    rows: list[Any] = await con.fetch(load("rollups")[name], *parameters)
    return rows


def _columns(places: Iterable[Place]) -> list[list[Any]]:
    ordered = sorted(places)
    return [[service for service, _ in ordered], [to_datetime(start) for _, start in ordered]]
