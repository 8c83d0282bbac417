"""liveops.windows.dirty → windows recomputed from the archive → metrics.aggregated.

Values too late for the stream are in the archive like all others. Once the archive has
them, their windows are computed again from the raw rows and published with the next
revision and `"backfill": true`. Doing it twice gives the same windows.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import structlog
from faust import Stream

from liveops.errors import Unavailable
from liveops.kafka.producer import Producer
from liveops.postgres import archive
from liveops.postgres.database import Database
from liveops.windows.state import SIZES
from liveops.windows.summary import Summary, aggregate
from schema.ids import series_key
from schema.metrics import Aggregate, aggregate_record
from schema.topics import AGGREGATED

log = structlog.get_logger(__name__)
#: Records are gathered so that a long run of late values recomputes a window once.
_GATHER = 500
#: The archive writes within this time of the windows; recomputing waits for it.
_WITHIN_S = 5.0


class BackfillAgent:
    """Recomputes the windows named by the dirty topic."""

    def __init__(self, database: Database, producer: Producer) -> None:
        self._database = database
        self._producer = producer

    async def run(self, stream: Stream[Any]) -> None:
        """Gather dirty minutes for a few seconds, then recompute each window once."""
        async for events in stream.noack_take(_GATHER, within=_WITHIN_S):
            wanted = _windows([event.message.value for event in events])
            pause_s = 1.0
            while True:
                try:
                    await asyncio.sleep(pause_s)
                    await self._recompute_all(wanted)
                    break
                except Unavailable as error:
                    log.warning("recomputation waits", error=str(error))
                    pause_s = min(10.0, pause_s * 2)
            for event in events:
                await stream.ack(event)

    async def _recompute_all(self, wanted: set[tuple[str, str, int, int]]) -> None:
        for service, name, size_s, start_s in sorted(wanted):
            async with self._database.connection() as con:
                values = await archive.raw_values(con, service, start_s, start_s + size_s)
                known = await archive.last_revisions(con, service, name, start_s)
            for (metric_type, tags), numbers in values.items():
                revision = known.get(series_key(metric_type, dict(tags)), -1) + 1
                window = _aggregate(
                    service, metric_type, tags, (name, size_s, start_s), numbers, revision
                )
                await self._producer.send(
                    AGGREGATED, service, orjson.dumps(aggregate_record(window))
                )


def _windows(values: list[bytes | None]) -> set[tuple[str, str, int, int]]:
    """(service, window name, size, start) of every window a dirty record touches."""
    wanted: set[tuple[str, str, int, int]] = set()
    for value in values:
        record: dict[str, Any] = orjson.loads(value or b"{}")
        for minute in record.get("minutes", ()):
            for name, size_s in SIZES:
                wanted.add((record["service_name"], name, size_s, minute // size_s * size_s))
    return wanted


def _aggregate(
    service: str,
    metric_type: str,
    tags: tuple[tuple[str, str], ...],
    window: tuple[str, int, int],
    values: list[float],
    revision: int,
) -> Aggregate:
    name, size_s, start_s = window
    summary = Summary()
    for value in values:
        summary.add(value, 0.0)
    return aggregate(
        summary,
        service=service,
        metric_type=metric_type,
        tags=dict(tags),
        window=name,
        start_s=start_s,
        size_s=size_s,
        elapsed_s=size_s,
        final=True,
        revision=revision,
        backfill=True,
    )
