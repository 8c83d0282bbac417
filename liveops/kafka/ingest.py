"""From accepted metrics to acknowledged records on `metrics.raw`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

import orjson

from liveops.errors import LiveOpsError
from liveops.kafka.ingest_sends import IngestSends
from liveops.kafka.producer import Ack
from liveops.slices import Slices
from schema.kinds import GAUGE
from schema.metrics import Metric
from schema.times import format_time

#: Metrics of one service that travel in one record.
PER_RECORD = 500
#: Records of one call, and their bytes, that wait for their acknowledgement at once.
_UNDER_WAY, _UNDER_WAY_BYTES = 500, 16 * 1024 * 1024
#: Brokers and readers take records up to 1 MB; with long tags fewer metrics fit.
MAX_RECORD_BYTES = 512 * 1024
#: Service and value.
Record = tuple[str, bytes]


def records(metrics: list[Metric]) -> Iterator[Record]:
    """(service, value): one record a service and up to 500 metrics, in the order given.

    No record is over `MAX_RECORD_BYTES`.
    """
    by_service: dict[str, list[Metric]] = defaultdict(list)
    for metric in metrics:
        by_service[metric.service_name].append(metric)
    stamps: dict[float, str] = {}
    for service, items in by_service.items():
        for at in range(0, len(items), PER_RECORD):
            chunk = [_item(metric, stamps) for metric in items[at : at + PER_RECORD]]
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


async def publish(sends: IngestSends, metrics: list[Metric]) -> None:
    """Send all and wait until the broker has acknowledged all; raises Unavailable."""
    await publish_records(sends, ([record] for record in records(metrics)))


async def publish_records(sends: IngestSends, steps: Iterable[Sequence[Record]]) -> None:
    """Send what each step gives, and wait until the broker has acknowledged all.

    Making many records takes long, so the first leave before the last are made, and others may
    run in between. Raises Unavailable, and what a step raises.
    """
    acks: list[Ack] = []
    under_way_bytes = 0
    slices = Slices()
    try:
        for step in steps:
            for service, value in step:
                acks.append(await sends.begin(service, value))
                under_way_bytes += len(value)
            if len(acks) >= _UNDER_WAY or under_way_bytes > _UNDER_WAY_BYTES:
                settling, acks, under_way_bytes = acks, [], 0
                await sends.settle(settling)
            elif slices.is_over:
                await slices.rest()
    except Exception:
        # The others are under way: whoever is told of the failure may send all again.
        with suppress(LiveOpsError):
            await sends.settle(acks)
        raise
    await sends.settle(acks)


def _item(metric: Metric, stamps: dict[float, str]) -> dict[str, object]:
    """A metric as it is written; `stamps` are the texts of the times of this call."""
    stamp = stamps.get(metric.timestamp_s)
    if stamp is None:
        stamp = stamps[metric.timestamp_s] = format_time(metric.timestamp_s)
    item: dict[str, object] = {"metric_type": metric.metric_type}
    if metric.kind == GAUGE and not metric.once:
        item["value"] = metric.value
    else:
        item |= metric.measured()
    item["timestamp"] = stamp
    if metric.tags:
        item["tags"] = metric.tags
    if metric.id:
        item["id"] = metric.id
    return item
