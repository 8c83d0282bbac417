"""Reads of metric history: closed windows, raw metrics, services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from liveops.postgres.database import Database
from liveops.postgres.queries import load
from schema.metrics import POINT_FIELDS, Metric
from schema.times import format_time, to_datetime

#: Most windows one query reads.
MAX_WINDOWS = 50_000


async def read_windows(
    database: Database, service: str, metric: str | None, window: str, from_s: float, to_s: float
) -> list[dict[str, Any]]:
    """Closed windows as points (see agents.windows.live.point_json); raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(
            load("history")["windows"],
            service,
            window,
            to_datetime(from_s),
            to_datetime(to_s),
            metric,
            MAX_WINDOWS,
        )
    return [_point(row) for row in rows]


def _point(row: Any) -> dict[str, Any]:
    point: dict[str, Any] = {
        "metric_type": row["metric_type"],
        "tags": row["tags"],
        "start": format_time(row["start"].timestamp()),
        "end": format_time(row["end"].timestamp()),
        "final": True,
        "revision": row["revision"],
        "histogram": row["histogram"],
    }
    return point | {name: row[name] for name in POINT_FIELDS if name != "final"}


@dataclass(frozen=True, slots=True)
class RawQuery:
    """Which raw metrics: filters, span [from, to) in epoch seconds, cursor, page size."""

    service: str | None
    metric: str | None
    from_s: float
    to_s: float
    before: tuple[float, str] | None
    limit: int


async def read_raw(database: Database, query: RawQuery) -> list[Metric]:
    """Raw metrics, newest first; raises Unavailable."""
    before_s, before_id = query.before or (None, None)
    async with database.connection() as con:
        rows = await con.fetch(
            load("history")["raw"],
            query.service,
            query.metric,
            to_datetime(query.from_s),
            to_datetime(query.to_s),
            None if before_s is None else to_datetime(before_s),
            before_id,
            query.limit,
        )
    return [
        Metric(
            str(row["id"]),
            row["service_name"],
            row["metric_type"],
            row["value"],
            row["tags"],
            row["timestamp"].timestamp(),
        )
        for row in rows
    ]


async def read_services(database: Database, since_s: float) -> list[dict[str, Any]]:
    """Services seen since a time: name, last_seen_s, metric_types, worst open severity."""
    async with database.connection() as con:
        rows = await con.fetch(load("history")["services"], to_datetime(since_s))
        troubles = await con.fetch(load("history")["active_incidents"])
    worst: dict[str, list[str]] = {}
    for trouble in troubles:
        worst.setdefault(trouble["service_name"], []).append(trouble["severity"])
    return [
        {
            "service_name": row["service_name"],
            "last_seen_s": row["last_seen"].timestamp(),
            "metric_types": row["metric_types"],
            "severities": worst.pop(row["service_name"], []),
        }
        for row in rows
    ]
