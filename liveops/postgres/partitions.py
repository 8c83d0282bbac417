"""Daily range partitions of `metrics` and `metric_windows`: made ahead, dropped late."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

#: Tables partitioned by day, all with UTC day bounds.
PARTITIONED = ("metrics", "metric_windows")
DAYS_BACK = 8
DAYS_AHEAD = 3


class Executor(Protocol):
    """The part of an asyncpg connection used here."""

    async def execute(self, query: str, *args: Any) -> str: ...

    async def fetch(self, query: str, *args: Any) -> list[Any]: ...


async def ensure_partitions(connection: Executor, today: date | None = None) -> None:
    """Create the partitions from a week back to some days ahead; idempotent."""
    day = today or datetime.now(UTC).date()
    for table in PARTITIONED:
        for delta in range(-DAYS_BACK, DAYS_AHEAD + 1):
            start = day + timedelta(days=delta)
            end = start + timedelta(days=1)
            await connection.execute(
                f'CREATE TABLE IF NOT EXISTS "{table}_{start:%Y%m%d}" PARTITION OF "{table}" '
                f"FOR VALUES FROM ('{start} 00:00:00Z') TO ('{end} 00:00:00Z')"
            )


async def drop_expired(connection: Executor, keep_days: dict[str, int], today: date) -> list[str]:
    """Drop partitions whose whole day is older than the table's retention."""
    dropped: list[str] = []
    for table, days in keep_days.items():
        oldest = f"{table}_{today - timedelta(days=days + 1):%Y%m%d}"
        rows = await connection.fetch(
            "SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = $1::regclass AND c.relname < $2",
            table,
            oldest,
        )
        for row in rows:
            await connection.execute(f'DROP TABLE IF EXISTS "{row["name"]}"')
            dropped.append(row["name"])
    return dropped
