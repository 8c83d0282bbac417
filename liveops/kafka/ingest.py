"""From accepted metrics to acknowledged records on `metrics.raw`."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import orjson

from liveops.kafka.producer import Producer
from schema.metrics import Metric
from schema.times import format_time
from schema.topics import RAW

#: Metrics of one service that travel in one record.
PER_RECORD = 500


def records(metrics: list[Metric]) -> list[tuple[str, bytes]]:
    """(service, value): one record a service and up to 500 metrics, in the order given."""
    by_service: dict[str, list[Metric]] = defaultdict(list)
    for metric in metrics:
        by_service[metric.service_name].append(metric)
    found: list[tuple[str, bytes]] = []
    for service, items in by_service.items():
        for at in range(0, len(items), PER_RECORD):
            chunk = [_item(metric) for metric in items[at : at + PER_RECORD]]
            if len(chunk) == 1:
                record = {"service_name": service, **chunk[0]}
            else:
                record = {"service_name": service, "metrics": chunk}
            found.append((service, orjson.dumps(record)))
    return found


async def publish(producer: Producer, metrics: list[Metric]) -> None:
    """Send all and wait until the broker has acknowledged all; raises Unavailable."""
    await asyncio.gather(
        *(producer.send(RAW, service, value) for service, value in records(metrics))
    )


def _item(metric: Metric) -> dict[str, object]:
    item: dict[str, object] = {
        "metric_type": metric.metric_type,
        "value": metric.value,
        "timestamp": format_time(metric.timestamp_s),
    }
    if metric.tags:
        item["tags"] = metric.tags
    if metric.id:
        item["id"] = metric.id
    return item
