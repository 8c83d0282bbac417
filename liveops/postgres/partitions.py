"""Range partitions, made ahead, dropped late: days of metrics and windows, months of rollups."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

#: Tables partitioned by day, all with UTC day bounds.
PARTITIONED = ("metrics", "metric_windows")
#: The table partitioned by month.
ROLLUPS = "metric_rollups"
DAYS_BACK = 8
DAYS_AHEAD = 3


class Executor(Protocol):
    """The part of an asyncpg connection used here."""

    async def execute(self, query: str, *args: Any) -> str: ...

    async def fetch(self, query: str, *args: Any) -> list[Any]: ...


async def ensure_partitions(connection: Executor, today: date | None = None) -> None:
    """Create the partitions from a week back to some days ahead; idempotent."""
    day = today or datetime.now(UTC).date()
    await ensure_days(connection, day)
    for delta in (-DAYS_BACK, DAYS_AHEAD):
        await make_month(connection, day + timedelta(days=delta))


async def ensure_days(connection: Executor, day: date) -> None:
    """The daily ones of these."""
    for table in PARTITIONED:
        for delta in range(-DAYS_BACK, DAYS_AHEAD + 1):
            start = day + timedelta(days=delta)
            end = start + timedelta(days=1)
            await connection.execute(
                f'CREATE TABLE IF NOT EXISTS "{table}_{start:%Y%m%d}" PARTITION OF "{table}" '
                f"FOR VALUES FROM ('{start} 00:00:00Z') TO ('{end} 00:00:00Z')"
            )


async def make_month(connection: Executor, day: date) -> None:
    """Create the partition of rollups for the month that a day lies in; idempotent."""
    start = day.replace(day=1)
    end = (start + timedelta(days=31)).replace(day=1)
    await connection.execute(
        f'CREATE TABLE IF NOT EXISTS "{ROLLUPS}_{start:%Y%m}" PARTITION OF "{ROLLUPS}" '
        f"FOR VALUES FROM ('{start} 00:00:00Z') TO ('{end} 00:00:00Z')"
    )


async def drop_expired(connection: Executor, keep_days: dict[str, int], today: date) -> list[str]:
    """Drop partitions whose whole day, or month, is older than the table's retention."""
    dropped: list[str] = []
    for table, days in keep_days.items():
        form = "%Y%m" if table == ROLLUPS else "%Y%m%d"
        oldest = f"{table}_{today - timedelta(days=days + 1):{form}}"
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
