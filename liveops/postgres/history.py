"""Reads of metric history: closed windows, raw metrics, unresolved incidents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from liveops.postgres.database import Database
from liveops.postgres.queries import load
from schema.incidents import Severity
from schema.metrics import Metric
from schema.times import to_datetime


@dataclass(frozen=True, slots=True)
class WindowQuery:
    """Which windows: services, metric types (none: all), a window's name, starts [from, to).

    Times are epoch seconds. `mergeable`: with what is needed to merge windows of series.
    """

    services: tuple[str, ...]
    metrics: tuple[str, ...]
    window: str
    from_s: float
    to_s: float
    mergeable: bool = False


async def read_windows(database: Database, query: WindowQuery, limit: int) -> list[Any]:
    """Rows of closed windows, newest first; JSON columns are text. Raises Unavailable."""
    async with database.connection() as con:
        keys = await _keys(con, database, query.metrics)
        rows: list[Any] = await con.fetch(
            load("history")["windows_of_metric" if keys else "windows"],
            query.services,
            query.window,
            to_datetime(query.from_s),
            to_datetime(query.to_s),
            query.metrics or None,
            query.mergeable,
            limit,
            *keys,
        )
    return rows


async def _keys(con: Any, database: Database, metrics: tuple[str, ...]) -> tuple[str, ...]:
    """Between which texts the keys of a metric's series lie; none where that is not known.

    A key is the metric type alone or followed by `{`.
    """
    if len(metrics) != 1:
        return ()
    if database.compares_bytes is None:
        database.compares_bytes = await con.fetchval(load("history")["compares_bytes"])
    return (metrics[0], f"{metrics[0]}|") if database.compares_bytes else ()


@dataclass(frozen=True, slots=True)
class RawQuery:
    """Which raw metrics: filters, span [from, to) in epoch seconds, cursor, page size."""

    service: str
    metric: str | None
    from_s: float
    to_s: float
    before: tuple[float, str] | None
    limit: int


async def read_raw(database: Database, query: RawQuery) -> list[Metric]:
    """Raw metrics, newest first; raises Unavailable."""
    before_s, before_id = query.before or (None, None)
    name = "raw_of_service" if query.metric is None else "raw"
    async with database.connection() as con:
        rows = await con.fetch(
            load("history")[name],
            query.service,
            to_datetime(query.from_s),
            to_datetime(query.to_s),
            None if before_s is None else to_datetime(before_s),
            before_id,
            query.limit,
            *([] if query.metric is None else [query.metric]),
        )
    return [
        Metric(
            str(row["id"]),
            row["service_name"],
            row["metric_type"],
            row["value"],
            row["tags"],
            row["timestamp"].timestamp(),
            row["kind"],
        )
        for row in rows
    ]


async def read_unresolved(database: Database) -> dict[str, dict[Severity, int]]:
    """How many unresolved incidents of which severity each service has; raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(load("history")["unresolved"])
    found: dict[str, dict[Severity, int]] = {}
    for row in rows:
        found.setdefault(row["service_name"], {})[row["severity"]] = row["count"]
    return found
