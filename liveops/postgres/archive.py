"""The archive's sink: rows and source offset in one transaction, by compare-and-set."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from liveops.errors import OffsetMoved as OffsetMoved
from liveops.postgres import raw_copy
from liveops.postgres.queries import load
from schema.metrics import Aggregate
from schema.times import to_datetime

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[Any]"
_INCOMING = "incoming_windows"
_WINDOW_COLUMNS = (
    "service_name", "metric_type", "tags", "series", "window", "start", "end", "count", "sum",
    "min", "max", "mean", "stddev", "p50", "p95", "p99", "rate", "revision", "backfill",
    "histogram", "kind", "increase", "rate_per_s",
)  # fmt: skip
#: Rows are handed to COPY in pieces of this many.
_PIECE_ROWS = 2000


async def next_offset(con: Connection, sink: str, topic: str, partition: int) -> int:
    """First offset of the partition this sink has not stored; others wait for our commit."""
    queries = load("archive")
    found = await con.fetchval(queries["next_offset"], sink, topic, partition)
    if found is None:
        await con.execute(queries["begin_offset"], sink, topic, partition)
        found = await con.fetchval(queries["next_offset"], sink, topic, partition)
    return int(found)


async def stored_offsets(con: Connection, sink: str, topic: str) -> dict[int, int]:
    """First offset not stored, by partition; partitions never written are not in it."""
    rows = await con.fetch(load("archive")["next_offsets"], sink, topic)
    return {row["partition"]: row["next_offset"] for row in rows}


async def advance_offset(
    con: Connection, sink: str, topic: str, partition: int, known: int, new: int
) -> None:
    """Move the stored offset from `known` to `new`; raises OffsetMoved."""
    query = load("archive")["advance_offset"]
    if await con.fetchval(query, sink, topic, partition, known, new) is None:
        raise OffsetMoved(f"{topic}/{partition}: the stored offset is not {known}")


async def copy_rows(con: Connection, rows: Sequence[bytes]) -> None:
    """Append packed rows (see raw_copy) to `metrics`."""

    async def pieces() -> AsyncIterator[bytes]:
        yield raw_copy.BEGIN
        for start in range(0, len(rows), _PIECE_ROWS):
            yield b"".join(rows[start : start + _PIECE_ROWS])
        yield raw_copy.END

    if rows:
        await con.copy_to_table(
            "metrics", source=pieces(), columns=raw_copy.COLUMNS, format="binary"
        )


async def upsert_windows(con: Connection, windows: Iterable[Aggregate]) -> int:
    """Write closed windows; an older revision never replaces a newer one.

    With them goes which rollups they change and which metric types were seen.

    Of several revisions of a window the highest counts, of equal ones the last. Returns
    how many windows there were.
    """
    newest: dict[tuple[str, str, int, str], Aggregate] = {}
    for window in windows:
        key = (window.service_name, window.window, window.start_s, window.series)
        known = newest.get(key)
        if known is None or window.revision >= known.revision:
            newest[key] = window
    if not newest:
        return 0
    rows = [
        (w.service_name, w.metric_type, w.tags, series, w.window, to_datetime(w.start_s),
         to_datetime(w.end_s), w.count, w.sum, w.min, w.max, w.mean, w.stddev, w.p50, w.p95,
         w.p99, w.rate, w.revision, w.backfill, w.histogram, w.kind, w.increase, w.rate_per_s)
        for (_, _, _, series), w in sorted(newest.items())
    ]  # fmt: skip
    queries = load("archive")
    async with con.transaction():
        await con.execute(queries["make_incoming"])
        await con.copy_records_to_table(_INCOMING, records=rows, columns=_WINDOW_COLUMNS)
        await con.execute(queries["merge_incoming"])
        await con.execute(queries["note_changes"])
        await con.execute(queries["note_metrics"])
    return len(rows)


async def claim_ids(con: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Those ids given by clients that have not been archived before."""
    rows = await con.fetch(load("archive")["claim_ids"], ids)
    return {UUID(bytes=row["id"].bytes) for row in rows}


async def forget_ids(con: Connection) -> None:
    """Drop remembered ids that are older than a day."""
    await con.execute(load("archive")["forget_ids"])


async def make_day(con: Connection, table: str, day: int) -> None:
    """Make the partition of a day (days since 1970) when there is none."""
    start = datetime.fromtimestamp(day * 86_400, UTC).date()
    end = start + timedelta(days=1)
    await con.execute(
        f'CREATE TABLE IF NOT EXISTS "{table}_{start:%Y%m%d}" PARTITION OF "{table}" '
        f"FOR VALUES FROM ('{start} 00:00:00Z') TO ('{end} 00:00:00Z')"
    )
