"""Where rows go: `POST /api/metrics` or straight to `metrics.raw`; paced or at full speed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from liveops.clock import Clock
from liveops.ingest_client import MAX_BATCH, IngestClient
from liveops.kafka.ingest import publish
from liveops.kafka.producer import Producer
from liveops.send.formats import Row
from liveops.send.retime import batches
from schema.metrics import Metric

#: Delivers one batch; returns once it is acknowledged.
Deliver = Callable[[list[Row]], Awaitable[None]]
#: While pacing, rows within this much wall time travel together.
_PACE_S = 0.5


def over_http(client: IngestClient) -> Deliver:
    """Batches to the ingestion route."""

    async def deliver(rows: list[Row]) -> None:
        await client.send([row.body() for row in rows])

    return deliver


def over_kafka(producer: Producer) -> Deliver:
    """Batches to the raw topic, keyed by service."""

    async def deliver(rows: list[Row]) -> None:
        await publish(
            producer,
            [Metric("", r.service_name, r.metric_type, r.value, r.tags, r.at_s) for r in rows],
        )

    return deliver


async def deliver_all(
    rows: Iterable[Row],
    deliver: Deliver,
    clock: Clock,
    speed: float | None,
    progress: Callable[[int], None],
) -> int:
    """Send every row in order, `speed` times the data's own pace; returns how many."""
    sent = 0
    first_s: float | None = None
    began_s = clock.monotonic_s()
    for batch in batches(rows, MAX_BATCH, None if speed is None else _PACE_S * speed):
        if first_s is None:
            first_s = batch[0].at_s
        if speed is not None:
            due_s = began_s + (batch[0].at_s - first_s) / speed
            await asyncio.sleep(max(0.0, due_s - clock.monotonic_s()))
        await deliver(batch)
        sent += len(batch)
        progress(len(batch))
    return sent
