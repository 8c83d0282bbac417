"""From accepted metrics to acknowledged records on `metrics.raw`."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator

import orjson

from liveops.kafka.producer import Producer
from schema.metrics import Metric
from schema.times import format_time
from schema.topics import RAW

#: Metrics of one service that travel in one record.
PER_RECORD = 500
#: After this much work others may run; a record costs as much as so many bytes of it.
_PAUSE_BYTES, _RECORD_BYTES = 32_768, 256
#: Records of one call that wait for their acknowledgement at once.
_UNDER_WAY = 500
#: Brokers and readers take records up to 1 MB; with long tags fewer metrics fit.
MAX_RECORD_BYTES = 512 * 1024


def records(metrics: list[Metric]) -> Iterator[tuple[str, bytes]]:
    """(service, value): one record a service and up to 500 metrics, in the order given.

    No record is over `MAX_RECORD_BYTES`.
    """
    by_service: dict[str, list[Metric]] = defaultdict(list)
    for metric in metrics:
        by_service[metric.service_name].append(metric)
    for service, items in by_service.items():
        for at in range(0, len(items), PER_RECORD):
            chunk = [_item(metric) for metric in items[at : at + PER_RECORD]]
            yield from ((service, value) for value in _values(service, chunk))


def _values(service: str, items: list[dict[str, object]]) -> Iterator[bytes]:
    if len(items) == 1:
        yield orjson.dumps({"service_name": service, **items[0]})
        return
    value = orjson.dumps({"service_name": service, "metrics": items})
    if len(value) <= MAX_RECORD_BYTES:
        yield value
        return
    half = len(items) // 2
    yield from _values(service, items[:half])
    yield from _values(service, items[half:])


async def publish(producer: Producer, metrics: list[Metric]) -> None:
    """Send all and wait until the broker has acknowledged all; raises Unavailable.

    Encoding many metrics takes long, so the first records leave before the last are made.
    """
    sends: list[asyncio.Task[object]] = []
    since = _PAUSE_BYTES  # sorting by service has taken some time already
    for service, value in records(metrics):
        sends.append(asyncio.create_task(producer.send(RAW, service, value)))
        since += len(value) + _RECORD_BYTES
        if len(sends) == _UNDER_WAY:
            await asyncio.gather(*sends)
            sends.clear()
        elif since >= _PAUSE_BYTES:
            since = 0
            await asyncio.sleep(0)
    await asyncio.gather(*sends)


def _item(metric: Metric) -> dict[str, object]:
    item: dict[str, object] = {
        "metric_type": metric.metric_type,
        **metric.measured(),
        "timestamp": format_time(metric.timestamp_s),
    }
    if metric.tags:
        item["tags"] = metric.tags
    if metric.id:
        item["id"] = metric.id
    return item
