"""State that reaches beyond the end of a topic: it was recreated, or an old backup restored.

Nothing of such a partition is read until what is remembered of the topic before is
forgotten: the windows' values in their changelog, the sinks' offsets in PostgreSQL.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from liveops.kafka.offsets import LogOffsets
from liveops.kafka.producer import Outgoing, Producer
from liveops.kafka.topics import admin_client
from liveops.settings import Settings, required
from schema.topics import RAW
from tables.checkpointed import SEPARATOR
from tables.windows import NAME, decode_header

WINDOWS = "windows"
#: The table's changelog, as Faust names it by app and table.
CHANGELOG = f"liveops-metrics-{NAME}-changelog"


@dataclass(frozen=True, slots=True, order=True)
class Shortfall:
    """`holder` (the windows, or a sink) has read `topic`/`partition` up to before `stored`,
    but it ends at `end`. `home` is the partition whose state says so."""

    holder: str
    topic: str
    partition: int
    stored: int
    end: int
    home: int

    def __str__(self) -> str:
        return (
            f"{self.topic}/{self.partition} ends at offset {self.end}, {self.holder} "
            f"hold it up to {self.stored}"
        )


async def shortfalls(settings: Settings) -> list[Shortfall]:
    """All there are; raises Unavailable("kafka") and what PostgreSQL raises."""
    async with _log(settings) as log, admin_client(settings) as admin:
        topics = set(await admin.list_topics())
        found = await _of_windows(settings, log) if {CHANGELOG, RAW} <= topics else []
        return sorted(found + await _of_sinks(settings, log, topics))


async def forget(settings: Settings, found: Sequence[Shortfall]) -> None:
    """Forget what the windows and sinks know of these partitions.

    Workers that hold them take over the empty state when they are started again.
    """
    homes = sorted({item.home for item in found if item.holder == WINDOWS})
    producer = Producer(settings)
    try:
        async with _log(settings) as log:
            for home in homes:
                values = await log.newest_values(CHANGELOG, [home])
                gone = [Outgoing(key.decode(), None) for key in values]
                await producer.send_in_order(CHANGELOG, home, gone)
    finally:
        await producer.stop()
    sinks = [(i.holder, i.topic, i.partition) for i in found if i.holder != WINDOWS]
    if sinks:
        async with _database(settings) as con:
            await con.executemany(
                "DELETE FROM sink_offsets WHERE sink = $1 AND topic = $2 AND partition = $3", sinks
            )


async def _of_windows(settings: Settings, log: LogOffsets) -> list[Shortfall]:
    numbers = range(settings.partitions)
    ends = {number: bound.end for number, bound in (await log.bounds(RAW, numbers)).items()}
    found: dict[tuple[int, int], Shortfall] = {}
    for home in numbers:
        values = await log.newest_values(CHANGELOG, [home])
        headers = [value for key, value in values.items() if key.endswith(SEPARATOR + b"h")]
        for header in map(decode_header, headers):
            for origin, offset in header.offsets.items():
                seen = found.get((home, origin))
                stored = max(offset + 1, seen.stored if seen else 0)
                if stored > ends.get(origin, stored):
                    found[home, origin] = Shortfall(
                        WINDOWS, RAW, origin, stored, ends[origin], home
                    )
    return list(found.values())


async def _of_sinks(settings: Settings, log: LogOffsets, topics: set[str]) -> list[Shortfall]:
    async with _database(settings) as con:
        if await con.fetchval("SELECT to_regclass('sink_offsets')") is None:
            return []
        rows = await con.fetch("SELECT sink, topic, partition, next_offset FROM sink_offsets")
    found: list[Shortfall] = []
    for sink, topic, partition, stored in map(tuple, rows):
        if topic in topics:
            end = (await log.bounds(topic, [partition]))[partition].end
            if stored > end:
                found.append(Shortfall(sink, topic, partition, stored, end, partition))
    return found


@asynccontextmanager
async def _log(settings: Settings) -> AsyncIterator[LogOffsets]:
    log = LogOffsets(settings)
    try:
        yield log
    finally:
        await log.stop()


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(required(settings, "database_url"), timeout=10)
    try:
        yield connection
    finally:
        await connection.close()
