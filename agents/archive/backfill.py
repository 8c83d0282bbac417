"""Dirty minutes → windows recomputed from the archive → metrics.aggregated.

Values too late for the stream are in the archive like all others. The archive keeps the
minutes named on `liveops.windows.dirty` in PostgreSQL (agents/archive/sinks.py). Once it
has stored the records in question, their windows are computed again from the raw rows
and published with the next revision and `"backfill": true`. Doing it twice changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog

from agents.archive.recompute import recompute, spans
from agents.archive.writer import SINK
from liveops.kafka.offsets import Log
from liveops.kafka.partitioning import partition_of
from liveops.kafka.producer import Outgoing, Producer
from liveops.metrics.archive import WINDOWS_RECOMPUTED
from liveops.postgres import archive, backfill
from liveops.postgres.archive import Connection
from liveops.postgres.backfill import Dirty
from liveops.postgres.database import Database
from liveops.runtime.retry import retrying
from liveops.windows.state import LARGEST_S
from schema.metrics import Aggregate
from schema.topics import AGGREGATED
from schema.windows import write_window

log = structlog.get_logger(__name__)
#: Dirty minutes gather for this long, so that a window is recomputed once.
_GATHER_S = 1.0
_POLL_S = 0.25
_LONGEST_PAUSE_S = 10.0
#: How long published windows may take into the archive before the next try.
_PATIENCE_S = 10.0
#: Most dirty rows of one round.
_ROUND = 2000
#: So long before a sample of a counter is the one that it is compared with.
_LOOK_BACK_S = 3600


class BackfillAgent:
    """Recomputes dirty windows, one worker of all at a time."""

    def __init__(
        self, database: Database, producer: Producer, offsets: Log, *, partitions: int
    ) -> None:
        self._database = database
        self._producer = producer
        self._offsets = offsets
        self._partitions = partitions

    async def work(self) -> None:
        """A round a second, or at once while there is more to do."""
        while True:
            tries = retrying("postgres and kafka, to recompute", longest_s=_LONGEST_PAUSE_S)
            more: bool = await tries(self.round)
            if not more:
                await asyncio.sleep(_GATHER_S)

    async def round(self) -> bool:
        """Recompute what is ready; whether there may be more."""
        async with self._database.transaction() as con:
            if not await backfill.only_one(con):
                return False
            found = await backfill.ready(con, SINK, _ROUND)
            services = {item.service for item in found}
            if not found or not await self._published_is_stored(con, services):
                return False
            for service in sorted(services):
                await self._recompute(con, service, found)
            await backfill.done(con, found)
        return len(found) == _ROUND

    async def _published_is_stored(self, con: Connection, services: Iterable[str]) -> bool:
        """Wait until the archive has every revision published before now.

        Only then is the highest stored revision of a window the highest there is.
        """
        wanted = {partition_of(service, self._partitions) for service in services}
        bounds = await self._offsets.bounds(AGGREGATED, wanted)
        for _ in range(int(_PATIENCE_S / _POLL_S)):
            stored = await archive.stored_offsets(con, SINK, AGGREGATED)
            if all(stored.get(number, 0) >= bounds[number].end for number in wanted):
                return True
            await asyncio.sleep(_POLL_S)
        return False

    async def _recompute(self, con: Connection, service: str, found: list[Dirty]) -> None:
        """One query for values and one for windows, for each 15 minutes of a service."""
        changed: list[Aggregate] = []
        for start_s, minutes in spans(await _minutes(con, service, found)).items():
            end_s = start_s + LARGEST_S
            values = await backfill.raw_of_span(con, service, start_s, end_s)
            stored = await backfill.stored_of_span(con, service, start_s, end_s)
            has_counters = any(series.kind == "counter" for series in values)
            samples = (
                await backfill.samples_of_span(con, service, start_s - _LOOK_BACK_S, end_s)
                if has_counters
                else None
            )
            changed += recompute(service, minutes, values, stored, samples)
        if changed:
            records = [Outgoing(service, write_window(w)) for w in changed]
            home = partition_of(service, self._partitions)
            await self._producer.send_in_order(AGGREGATED, home, records)
            WINDOWS_RECOMPUTED.inc(len(changed))
            log.info("windows recomputed", service=service, windows=len(changed))


async def _minutes(con: Connection, service: str, found: list[Dirty]) -> set[int]:
    """Dirty minutes of a service, and those that follow them where counters look back to them.

    The stream itself corrects those from its horizon on.
    """
    dirty = [item for item in found if item.service == service]
    minutes = {item.minute for item in dirty}
    horizon = max(item.horizon for item in dirty)
    after = await backfill.followers(con, service, sorted(minutes)) if horizon else set()
    return minutes | {minute for minute in after if minute < horizon}
