"""Where rows go: `POST /api/metrics` or straight to `metrics.raw`; paced or at full speed.

A batch sent again counts once: it carries the same key, its metrics the same ids, made from
the file's content, how it is sent and the place in the file.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from msgspec import structs

from liveops.client import MAX_BATCH, AsyncClient
from liveops.clock import Clock
from liveops.kafka.ingest import publish
from liveops.kafka.ingest_sends import IngestSends
from liveops.runtime.retry import retrying
from liveops.send.report import Outcome
from liveops.send.rows import Row
from schema.ids import derived_id
from schema.metrics import Metric, MetricFault

#: While pacing, rows within this much wall time travel together.
_PACE_S = 0.5
#: The server takes 8 MiB.
_MAX_BODY_BYTES = 7 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sendable:
    """A row that is a metric."""

    number: int
    line: int
    metric: Metric
    timed: bool = True

    def body(self) -> dict[str, Any]:
        """The metric object of `POST /api/metrics`; without a time the server gives it one."""
        metric = self.metric
        body: dict[str, Any] = {
            "service_name": metric.service_name,
            "metric_type": metric.metric_type,
            **metric.measured(),
        }
        if self.timed:
            body["timestamp"] = round(metric.timestamp_s, 6)
        return body | ({"tags": metric.tags} if metric.tags else {})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from: the content's digest and the options that change what is sent."""

    digest: str
    options: tuple[object, ...]

    def batch_key(self, first: int, body: bytes) -> str:
        """Idempotency key of the batch that begins with row `first`."""
        return derived_id(
            "send", self.digest, *self.options, first, hashlib.sha256(body).hexdigest()
        )

    def metric_id(self, number: int) -> str:
        """Id of row `number`."""
        return derived_id("send", self.digest, *self.options, number)


#: Delivers one batch; returns, once it is acknowledged, what was refused there.
Deliver = Callable[[list[Sendable]], Awaitable[list[tuple[Sendable, MetricFault]]]]


def over_http(client: AsyncClient, origin: Origin) -> Deliver:
    """Batches to the ingestion route."""

    async def deliver(rows: list[Sendable]) -> list[tuple[Sendable, MetricFault]]:
        body = orjson.dumps([row.body() for row in rows])
        if len(body) > _MAX_BODY_BYTES and len(rows) > 1:
            half = len(rows) // 2
            return await deliver(rows[:half]) + await deliver(rows[half:])
        rejected = await client.send_partial(body, origin.batch_key(rows[0].number, body))
        return [(rows[index], MetricFault([], text, "refused")) for index, text in rejected]

    return deliver


def over_kafka(sends: IngestSends, origin: Origin, patience_s: float) -> Deliver:
    """Batches to the raw topic, keyed by service; tried again for `patience_s`."""

    async def deliver(rows: list[Sendable]) -> list[tuple[Sendable, MetricFault]]:
        metrics = [structs.replace(row.metric, id=origin.metric_id(row.number)) for row in rows]

        async def send() -> None:
            await publish(sends, metrics)

        await retrying(within_s=patience_s)(send)
        return []

    return deliver


async def deliver_all(
    rows: Iterable[Row],
    deliver: Deliver,
    clock: Clock,
    speed: float | None,
    outcome: Outcome,
    progress: Callable[[int], None],
) -> None:
    """Send every good row in order, `speed` times the data's own pace.

    `outcome` is right at every moment, also when this ends with an error; `progress` is called
    with the number of the last row that is settled.
    """
    first_s: float | None = None
    began_s = clock.monotonic_s()
    for batch in batches(
        _good(rows, outcome), MAX_BATCH, None if speed is None else _PACE_S * speed
    ):
        at_s = batch[0].metric.timestamp_s
        first_s = at_s if first_s is None else first_s
        if speed is not None:
            due_s = began_s + (at_s - first_s) / speed
            await asyncio.sleep(max(0.0, due_s - clock.monotonic_s()))
        rejected = await deliver(batch)
        for row, fault in rejected:
            outcome.refused.add(row.line, fault)
        outcome.sent += len(batch) - len(rejected)
        outcome.done = batch[-1].number
        progress(outcome.done)


def _good(rows: Iterable[Row], outcome: Outcome) -> Iterator[Sendable]:
    for row in rows:
        if isinstance(row.verdict, MetricFault):
            outcome.refused.add(row.line, row.verdict)
        else:
            yield Sendable(row.number, row.line, row.verdict, row.timed)


def batches(
    rows: Iterable[Sendable], size: int, span_s: float | None = None
) -> Iterator[list[Sendable]]:
    """Batches out of up to `size` rows of the file, whatever was left out between them.

    Paced sending keeps a batch within `span_s` of event time.
    """
    batch: list[Sendable] = []
    for row in rows:
        if batch:
            first = batch[0]
            apart_s = row.metric.timestamp_s - first.metric.timestamp_s
            late = span_s is not None and apart_s >= span_s
            if late or row.number - first.number >= size:
                yield batch
                batch = []
        batch.append(row)
    if batch:
        yield batch
