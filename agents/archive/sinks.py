"""What the archive makes of records: rows of `metrics`, rows of `metric_windows`."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

import orjson
import structlog

from agents.archive.rows import DAY_S, RawRows, RowReader
from liveops.clock import Clock
from liveops.metrics.archive import ARCHIVE_EXPIRED
from liveops.metrics.worker import BAD_INTERNAL_RECORDS
from liveops.postgres import archive
from liveops.postgres.archive import Connection
from liveops.postgres.backfill import Dirty, add_dirty
from liveops.postgres.database import Database
from schema.metrics import Aggregate
from schema.topics import AGGREGATED, WINDOWS_DIRTY
from schema.windows import read_window

log = structlog.get_logger(__name__)
#: Records decoded before the loop may do something else.
_SLICE = 400


class Days:
    """The daily partitions of one table: which are kept, and that they exist.

    Usually they are made long ahead; a worker that catches up may need older ones.
    """

    def __init__(self, table: str, database: Database, clock: Clock, keep_days: int) -> None:
        self._table = table
        self._database = database
        self._clock = clock
        self._keep_days = keep_days
        self._made: set[int] = set()

    def oldest_s(self) -> int:
        """Start of the oldest day that is kept."""
        return (int(self._clock.now_s() // DAY_S) - self._keep_days - 1) * DAY_S

    async def make(self, days: Collection[int]) -> None:
        """Make the partitions of these days where they are missing."""
        missing = set(days) - self._made
        if missing:
            async with self._database.connection() as con:
                for day in sorted(missing):
                    await archive.make_day(con, self._table, day)
            self._made |= missing


class RawSink:
    """`metrics.raw` → `metrics`."""

    table = "metrics"

    def __init__(self, days: Days, max_age_s: float) -> None:
        self._days = days
        self._max_age_s = max_age_s
        self._readers: dict[int, RowReader] = {}

    async def prepare(self, partition: int, records: Sequence[Any]) -> list[RawRows]:
        """Decode and pack."""
        reader = self._readers.get(partition)
        if reader is None:
            reader = self._readers[partition] = RowReader(partition, self._max_age_s)
        oldest_s = self._days.oldest_s()
        found: list[RawRows] = []
        for start in range(0, len(records), _SLICE):
            found.append(reader.read(records[start : start + _SLICE], oldest_s))
            await asyncio.sleep(0)
        return found

    async def make_room(self, parts: list[list[RawRows]]) -> None:
        """Make missing daily partitions."""
        await self._days.make({day for part in parts for piece in part for day in piece.days})

    async def store(self, con: Connection, parts: list[list[RawRows]]) -> int:
        """Copy all rows; one with an id given by its client only when that id is new."""
        pieces = [piece for part in parts for piece in part]
        rows = [row for piece in pieces for row in piece.rows]
        given = {
            identity: row for piece in reversed(pieces) for identity, row in piece.given.items()
        }
        if given:
            new = await archive.claim_ids(con, sorted(given))
            rows += [row for identity, row in given.items() if identity in new]
        await archive.copy_rows(con, rows)
        ARCHIVE_EXPIRED.labels(self.table).inc(sum(piece.expired for piece in pieces))
        return len(rows)


class WindowSink:
    """`metrics.aggregated` → `metric_windows`."""

    table = "metric_windows"

    def __init__(self, days: Days) -> None:
        self._days = days
        self._unreadable = BAD_INTERNAL_RECORDS.labels(AGGREGATED)

    async def prepare(self, partition: int, records: Sequence[Any]) -> list[Aggregate]:
        """Decode."""
        found: list[Aggregate] = []
        for index, record in enumerate(records):
            try:
                found.append(read_window(record.value or b"null"))
            except ValueError:
                self._unreadable.inc()
                log.warning("unreadable aggregate skipped", offset=record.offset)
            if index % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
        oldest_s = self._days.oldest_s()
        kept = [window for window in found if window.start_s >= oldest_s]
        ARCHIVE_EXPIRED.labels(self.table).inc(len(found) - len(kept))
        return kept

    async def make_room(self, parts: list[list[Aggregate]]) -> None:
        """Make missing daily partitions."""
        await self._days.make({int(window.start_s // DAY_S) for part in parts for window in part})

    async def store(self, con: Connection, parts: list[list[Aggregate]]) -> int:
        """Upsert by revision."""
        return await archive.upsert_windows(con, [window for part in parts for window in part])


class DirtySink:
    """`liveops.windows.dirty` → `dirty_minutes`, which agents/archive/backfill.py works off."""

    table = "dirty_minutes"

    def __init__(self) -> None:
        self._unreadable = BAD_INTERNAL_RECORDS.labels(WINDOWS_DIRTY)

    async def prepare(self, partition: int, records: Sequence[Any]) -> list[Dirty]:
        """Decode."""
        found: list[Dirty] = []
        for record in records:
            try:
                found += read_dirty(record.value)
            except (ValueError, KeyError, TypeError, AttributeError):
                self._unreadable.inc()
                log.warning("unreadable dirty record skipped", offset=record.offset)
        return found

    async def make_room(self, parts: list[list[Dirty]]) -> None:
        """The table has no partitions."""

    async def store(self, con: Connection, parts: list[list[Dirty]]) -> int:
        """Remember each minute once, with its newest record of each origin."""
        return await add_dirty(con, [item for part in parts for item in part])


def read_dirty(value: bytes | None) -> list[Dirty]:
    """Minutes of a dirty record; one that waits for no record has the origin -1."""
    plain = orjson.loads(value or b"null")
    return [
        Dirty(plain["service_name"], int(minute), int(origin), offset, plain.get("horizon", 0))
        for minute, origins in plain["minutes"].items()
        for origin, offset in (origins or {"-1": 0}).items()
    ]
