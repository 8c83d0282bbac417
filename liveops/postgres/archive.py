"""The archive's sink: rows and source offset in one transaction, by compare-and-set."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, TypeAlias

import asyncpg

from liveops.errors import LiveOpsError
from liveops.postgres.queries import load
from schema.metrics import Aggregate, Metric
from schema.times import to_datetime

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[Any]"
_COLUMNS = ("id", "service_name", "metric_type", "value", "tags", "timestamp")


class OffsetMoved(LiveOpsError):
    """Another owner has written since this one read the stored offset."""

    retryable = True


async def next_offset(con: Connection, sink: str, topic: str, partition: int) -> int:
    """First offset of the partition this sink has not stored."""
    queries = load("archive")
    await con.execute(queries["begin_offset"], sink, topic, partition)
    for row in await con.fetch(queries["next_offsets"], sink, topic):
        if row["partition"] == partition:
            return int(row["next_offset"])
    raise OffsetMoved(f"no offset of {sink} for {topic}/{partition}")


async def advance_offset(
    con: Connection, sink: str, topic: str, partition: int, known: int, new: int
) -> None:
    """Move the stored offset from `known` to `new`; raises OffsetMoved."""
    query = load("archive")["advance_offset"]
    if await con.fetchval(query, sink, topic, partition, known, new) is None:
        raise OffsetMoved(f"{topic}/{partition}: the stored offset is not {known}")


async def copy_metrics(con: Connection, metrics: list[Metric]) -> None:
    """Append raw metrics by binary COPY."""
    rows = [
        (m.id, m.service_name, m.metric_type, m.value, m.tags, to_datetime(m.timestamp_s))
        for m in metrics
    ]
    await con.copy_records_to_table("metrics", records=rows, columns=_COLUMNS)


async def upsert_windows(con: Connection, windows: list[Aggregate]) -> None:
    """Write closed windows; an older revision never replaces a newer one."""
    rows = [
        (w.service_name, w.metric_type, w.tags, w.series, w.window, to_datetime(w.start_s),
         to_datetime(w.end_s), w.count, w.sum, w.min, w.max, w.mean, w.stddev, w.p50, w.p95,
         w.p99, w.rate, w.revision, w.backfill, w.histogram)
        for w in windows
    ]  # fmt: skip
    await con.executemany(load("archive")["upsert_window"], rows)


async def raw_values(
    con: Connection, service: str, start_s: int, end_s: int
) -> dict[tuple[str, tuple[tuple[str, str], ...]], list[float]]:
    """Archived values of a span by series (metric type, sorted tags)."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], list[float]] = defaultdict(list)
    query = load("archive")["raw_of_window"]
    for row in await con.fetch(query, service, to_datetime(start_s), to_datetime(end_s)):
        found[(row["metric_type"], tuple(sorted(row["tags"].items())))].append(row["value"])
    return found


async def last_revisions(
    con: Connection, service: str, window: str, start_s: int
) -> dict[str, int]:
    """Highest stored revision by series of one window."""
    query = load("archive")["last_revision"]
    rows = await con.fetch(query, service, window, to_datetime(start_s))
    return {row["series"]: row["revision"] for row in rows}


async def claim_ids(con: Connection, ids: list[str]) -> set[str]:
    """Those ids given by clients that have not been archived before."""
    rows = await con.fetch(load("archive")["claim_ids"], ids)
    return {str(row["id"]) for row in rows}


async def forget_ids(con: Connection) -> None:
    """Drop remembered ids that are older than a day."""
    await con.execute(load("archive")["forget_ids"])
