"""Baseline `raw`: aiokafka, orjson and a dict; no state, no Faust. Run as a module.

`python -m liveops.bench.raw BROKER PARTITIONS METRICS read|cut` reads `metrics.raw` from
its start until it has counted METRICS, and prints `{"metrics", "seconds"}`: count, sum,
minimum and maximum of each series and minute, timed from the first records in hand to the
last. `read` reads the time as RFC 3339, as anyone must who does not know the producers;
`cut` takes the first characters of the text, which is right for this load only.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from schema.topics import RAW

FETCH_RECORDS = 4000
Minutes = dict[tuple[str, str, int | str], list[float]]
MinuteOf = Callable[[str], int | str]


def read_minute(text: str) -> int:
    """Minutes since the epoch of an RFC 3339 time."""
    return int(datetime.fromisoformat(text).timestamp()) // 60


def cut_minute(text: str) -> str:
    """An RFC 3339 time up to its minute; equal for equal minutes if all are in UTC."""
    return text[:16]


def aggregate(minutes: Minutes, value: bytes, minute_of: MinuteOf) -> int:
    """Add a record's metrics to their minutes; how many they were."""
    record = orjson.loads(value)
    service = record["service_name"]
    items = record.get("metrics") or (record,)
    for item in items:
        key = (service, item["metric_type"], minute_of(item["timestamp"]))
        number = item["value"]
        held = minutes.get(key)
        if held is None:
            minutes[key] = [1, number, number, number]
            continue
        held[0] += 1
        held[1] += number
        if number < held[2]:
            held[2] = number
        elif number > held[3]:
            held[3] = number
    return len(items)


async def run(broker: str, partitions: int, metrics: int, minute_of: MinuteOf) -> dict[str, Any]:
    """Read and aggregate until `metrics` are counted."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False)
    await consumer.start()
    try:
        wanted = [TopicPartition(RAW, number) for number in range(partitions)]
        consumer.assign(wanted)
        await consumer.seek_to_beginning(*wanted)
        minutes: Minutes = {}
        counted, began_s = 0, 0.0
        while counted < metrics:
            chunks = await consumer.getmany(timeout_ms=1000, max_records=FETCH_RECORDS)
            began_s = began_s or (time.perf_counter() if chunks else 0.0)
            for records in chunks.values():
                for record in records:
                    counted += aggregate(minutes, record.value, minute_of)
        return {"metrics": counted, "seconds": time.perf_counter() - began_s}
    finally:
        await consumer.stop()


if __name__ == "__main__":
    how: MinuteOf = read_minute if sys.argv[4] == "read" else cut_minute
    print(json.dumps(asyncio.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), how))))
