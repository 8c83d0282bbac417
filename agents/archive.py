"""metrics.raw and metrics.aggregated → PostgreSQL, exactly once.

An app of its own, so that a slow database never slows the windows. PostgreSQL's offset
is the truth: what it has is skipped, Kafka's is acknowledged after the commit.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import structlog
from faust import Stream
from faust.types.events import EventT

from agents.decode import Place, decode_record
from liveops.errors import Unavailable
from liveops.metrics import ARCHIVED_ROWS
from liveops.postgres import archive
from liveops.postgres.archive import OffsetMoved
from liveops.postgres.database import Database
from schema.metrics import Aggregate, Metric, read_aggregate

log = structlog.get_logger(__name__)
SINK = "archive"
_CHUNK = 2000
_WITHIN_S = 0.5


class ArchiveAgent:
    """Writes chunks of one topic; `store` turns records of one partition into rows."""

    def __init__(self, database: Database, *, max_age_s: float) -> None:
        self._database = database
        self._max_age_s = max_age_s

    async def raw(self, stream: Stream[Any]) -> None:
        """Archive `metrics.raw`."""
        async for events in stream.noack_take(_CHUNK, within=_WITHIN_S):
            await self._store_all(stream, events, self._store_raw)

    async def windows(self, stream: Stream[Any]) -> None:
        """Archive `metrics.aggregated`."""
        async for events in stream.noack_take(_CHUNK, within=_WITHIN_S):
            await self._store_all(stream, events, self._store_windows)

    async def _store_all(
        self,
        stream: Stream[Any],
        events: Sequence[Any],
        store: Callable[[Any, list[Any]], Any],
    ) -> None:
        by_partition: dict[int, list[EventT[Any]]] = defaultdict(list)
        for event in events:
            by_partition[event.message.partition].append(event)
        for chunk in by_partition.values():
            await self._until_stored(chunk, store)
        for event in events:
            await stream.ack(event)

    async def _until_stored(
        self, chunk: list[EventT[Any]], store: Callable[[Any, list[Any]], Any]
    ) -> None:
        """Try until the chunk is in PostgreSQL; the stream waits, the windows do not."""
        pause_s = 0.2
        while True:
            try:
                await self._store_partition(chunk, store)
                return
            except (Unavailable, OffsetMoved) as error:
                log.warning("archive waits", error=str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(5.0, pause_s * 2)
            except Exception:
                log.exception("a chunk could not be archived, trying again")
                await asyncio.sleep(5.0)

    async def _store_partition(
        self, chunk: list[EventT[Any]], store: Callable[[Any, list[Any]], Any]
    ) -> None:
        first = chunk[0].message
        async with self._database.transaction() as con:
            known = await archive.next_offset(con, SINK, first.topic, first.partition)
            messages = [event.message for event in chunk if event.message.offset >= known]
            if not messages:
                return
            await store(con, messages)
            new = messages[-1].offset + 1
            await archive.advance_offset(con, SINK, first.topic, first.partition, known, new)

    async def _store_raw(self, con: Any, messages: list[Any]) -> None:
        metrics: dict[str, Metric] = {}
        given: set[str] = set()
        for message in messages:
            place = Place(message.topic, message.partition, message.offset, message.timestamp)
            decoded = decode_record(message.value, place, self._max_age_s)
            given |= decoded.given_ids
            for metric in decoded.metrics:
                metrics.setdefault(metric.id, metric)
        if given:
            for repeated in given - await archive.claim_ids(con, sorted(given)):
                del metrics[repeated]
        await archive.copy_metrics(con, list(metrics.values()))
        ARCHIVED_ROWS.labels("metrics").inc(len(metrics))

    async def _store_windows(self, con: Any, messages: list[Any]) -> None:
        windows: list[Aggregate] = []
        for message in messages:
            try:
                windows.append(read_aggregate(orjson.loads(message.value or b"null")))
            except (ValueError, KeyError, TypeError):
                log.warning("unreadable aggregate skipped", offset=message.offset)
        await archive.upsert_windows(con, windows)
        ARCHIVED_ROWS.labels("metric_windows").inc(len(windows))
