"""Rollups: windows of an hour and a day, which are out of date, and what they are made of."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Sequence
from datetime import date
from hashlib import md5
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from liveops.postgres.archive import Connection
from liveops.postgres.partitions import ROLLUPS
from liveops.postgres.queries import load
from liveops.window_query.merging import WindowJson
from schema.series import series_key
from schema.times import format_edge, parse_edge, to_datetime

_LOCK = 0x726F6C6C  # "roll"
_INCOMING = "incoming_rollups"
_COLUMNS = (
    "service_name", "metric_type", "tags", "series", "window", "start", "end", "count", "sum",
    "min", "max", "mean", "stddev", "p50", "p95", "p99", "rate", "kind", "increase",
    "rate_per_s", "sketch",
)  # fmt: skip
_AS_THEY_ARE = _COLUMNS[7:20]
#: Windows that are merged, or given out, have these columns under the names of the JSON form.
_NUMBERS = (
    "service_name", "metric_type", "count", "sum", "min", "max", "mean", "stddev", "p50", "p95",
    "p99", "rate", "increase", "rate_per_s", "kind", "revision",
)  # fmt: skip


class Due(NamedTuple):
    """A rollup to make: of which service, its start in epoch seconds, rows that say so."""

    service: str
    start_s: int
    ids: list[int]


class Spans(NamedTuple):
    """Spans of services, in columns: [low, high) in epoch seconds."""

    services: list[str]
    lows_s: list[int]
    highs_s: list[int]

    @property
    def columns(self) -> list[list[Any]]:
        """As query parameters."""
        times = [[to_datetime(s) for s in column] for column in self[1:]]
        return [self.services, *times]


async def only_one(con: Connection) -> bool:
    """Whether this transaction is the only one that makes rollups."""
    return bool(await con.fetchval(load("rollups")["one_at_a_time"], _LOCK))


async def due(con: Connection, window: str, until_s: float, limit: int) -> list[Due]:
    """Rollups of a size that are out of date and start at most at a time, the oldest first."""
    rows = await con.fetch(load("rollups")["due"], window, to_datetime(until_s), limit)
    return [Due(*row) for row in rows]


async def waiting(con: Connection, window: str, until_s: float) -> int:
    """How many `due` would give without a limit."""
    return int(await con.fetchval(load("rollups")["waiting"], window, to_datetime(until_s)))


async def done(con: Connection, made: Iterable[Due]) -> None:
    """These rollups are stored as the windows were after `due`."""
    await con.execute(load("rollups")["done"], [number for item in made for number in item.ids])


async def add_change(con: Connection, service: str, window: str, start_s: int) -> None:
    """A rollup is out of date; for the one that makes rollups."""
    await con.execute(load("rollups")["add_change"], service, window, to_datetime(start_s))


async def windows_of(con: Connection, service: str, span: tuple[int, int], *,
                     hourly: bool) -> list[WindowJson]:  # fmt: skip
    """All that is stored of a service in a span: 15-minute windows, or hourly rollups."""
    low, high = span
    parameters: list[Any] = [*Spans([service], [low], [high]).columns]
    parameters += [to_datetime(low), to_datetime(high), None, None]
    query = load("rollups")["hours" if hourly else "quarters"]
    rows = await con.fetch(query, *parameters, *([[], []] if hourly else []))
    return [window_of(row) for row in rows]


def window_of(row: Any) -> WindowJson:
    """The JSON form of a row, its tags, sketch and histogram decoded."""
    window: WindowJson = {name: row[name] for name in _NUMBERS}
    window["tags"] = orjson.loads(row["tags"])
    window["start"] = format_edge(row["start"].timestamp())
    window["end"] = format_edge(row["end"].timestamp())
    window["final"] = True
    form = "sketch" if row["histogram"] is None else "histogram"
    window[form] = row["sketch"] if row["histogram"] is None else orjson.loads(row["histogram"])
    return window


async def upsert_rollups(con: Connection, window: str, rollups: Sequence[WindowJson]) -> int:
    """Store rollups of one size; how many of them say something new. Within a transaction."""
    if not rollups:
        return 0
    queries = load("rollups")
    await con.execute(queries["make_incoming"])
    await con.copy_records_to_table(
        _INCOMING, records=[_row(window, made) for made in rollups], columns=_COLUMNS
    )
    return int(await con.fetchval(queries["merge_incoming"]))


def _row(window: str, made: WindowJson) -> tuple[Any, ...]:
    key = series_key(made["metric_type"], made["tags"])
    return (
        made["service_name"],
        made["metric_type"],
        made["tags"],
        UUID(bytes=md5(key.encode(), usedforsecurity=False).digest()),
        window,
        to_datetime(parse_edge(made["start"])),
        to_datetime(parse_edge(made["end"])),
        *(made[name] for name in _AS_THEY_ARE),
        b64decode(made["sketch"]),
    )


async def has_month(con: Connection, month: date) -> bool:
    """Whether there is a partition for the month of this day."""
    return bool(await con.fetchval(load("rollups")["has_month"], f"{ROLLUPS}_{month:%Y%m}"))


class Backlog(NamedTuple):
    """A day without rollups of the services after `done`; of how many such days it is one."""

    day_s: int
    done: str
    days: int


async def next_backlog(con: Connection) -> Backlog | None:
    """The newest day that was stored by a version without rollups."""
    row = await con.fetchrow(load("rollups")["next_backlog"])
    return None if row is None else Backlog(*row)


async def next_service(con: Connection, after: str, span: tuple[int, int]) -> str | None:
    """The first service after this one with windows in a span."""
    low, high = map(to_datetime, span)
    found: str | None = await con.fetchval(load("rollups")["next_service"], after, low, high)
    return found


async def note_metrics(con: Connection, service: str, span: tuple[int, int]) -> None:
    """The metric types of a service's rollups in a span were seen."""
    await con.execute(load("rollups")["note_metrics"], service, *map(to_datetime, span))


async def pass_backlog(con: Connection, day_s: int, done: str | None) -> None:
    """The rollups of a day are made up to this service; all of them when None."""
    day, queries = to_datetime(day_s).date(), load("rollups")
    if done is None:
        await con.execute(queries["pass_day"], day)
    else:
        await con.execute(queries["pass_service"], day, done)
