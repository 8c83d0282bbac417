"""What the product answers at the end: rows of PostgreSQL and windows over HTTP."""

from __future__ import annotations

import json
import sys
from typing import Any

import asyncpg

from tests.chaos.compare import Json, window_key
from tests.chaos.reference import SIZES, Counted, WindowKey
from tests.client import Client

_ROWS = """
SELECT id, service_name, metric_type, value, tags,
       (extract(epoch FROM "timestamp") * 1000000)::bigint AS time_us
FROM metrics WHERE service_name LIKE $1
"""
_FETCH = 20_000


async def archived(dsn: str, services: str = "chaos-%") -> list[Counted]:
    """Every row of `metrics` of the services that are LIKE this."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            return [
                _counted(row) async for row in connection.cursor(_ROWS, services, prefetch=_FETCH)
            ]
    finally:
        await connection.close()


def _counted(row: Any) -> Counted:
    tags = json.loads(row["tags"])
    series = (sys.intern(row["metric_type"]), tuple(sorted(tags.items())))
    value = float(row["value"])
    return Counted(sys.intern(row["service_name"]), series, row["time_us"], value, str(row["id"]))


async def archived_count(dsn: str) -> int:
    """How many rows there are, as a sign of progress."""
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM metrics"))
    finally:
        await connection.close()


async def answered_windows(
    client: Client, services: set[str], from_s: float, to_s: float
) -> dict[WindowKey, Json]:
    """Closed windows as `/api/metrics/aggregated` tells them."""
    found: dict[WindowKey, Json] = {}
    for service in sorted(services):
        for window in SIZES:
            query = f"service={service}&window={window}&from={from_s:.0f}&to={to_s:.0f}"
            body = await client.get(f"/api/metrics/aggregated?{query}")
            for series in body["series"]:
                tagged = {"metric_type": series["metric_type"], "tags": series["tags"]}
                for point in series["points"]:
                    if point["final"]:
                        found[window_key(service, {**point, **tagged}, window)] = point
    return found
