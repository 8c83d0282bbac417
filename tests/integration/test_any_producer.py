"""Any Kafka producer, partitioner and codec gives the same windows as a plain computation.

Each variant sends metrics of its own services to `metrics.raw`, with junk in between; the
windows are read through the public API, the dead letters from their topic.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from liveops.kafka.partitioning import partition_of
from schema.metrics import WINDOW_S
from schema.times import format_time, parse_time_s
from schema.topics import DEADLETTER, RAW
from tests.client import Client, eventually
from tests.integration.producers import (
    PARTITIONS,
    VARIANTS,
    Place,
    Record,
    Variant,
    metrics_of,
    names,
    records_of,
    send,
)
from tests.stack import TestStack

pytestmark = pytest.mark.integration
#: Service, metric type, tags, window and its start.
Window = tuple[str, str, tuple[tuple[str, str], ...], str, float]


def expected(metrics: list[dict[str, Any]]) -> dict[Window, list[float]]:
    """The sorted values of each window, computed plainly."""
    windows: dict[Window, list[float]] = defaultdict(list)
    for metric in metrics:
        stamp = metric["timestamp"]
        time_s = parse_time_s(stamp) if isinstance(stamp, str) else stamp
        series = (
            metric["service_name"],
            metric["metric_type"],
            tuple(sorted(metric["tags"].items())),
        )
        for window, size in WINDOW_S.items():
            windows[*series, window, time_s // size * size].append(metric["value"])
    return {window: sorted(values) for window, values in windows.items()}


async def read(
    client: Client, services: list[str], end_s: int, windows: Sequence[str] = tuple(WINDOW_S)
) -> dict[Window, dict[str, Any]]:
    """The points of the quarter of an hour before `end_s`, as the API gives them."""
    found = {}
    span = f"from={format_time(end_s - 900)}&to={format_time(end_s)}"
    for service in services:
        for window in windows:
            query = f"?service={service}&window={window}&{span}"
            for series in (await client.get(f"/api/metrics/aggregated{query}"))["series"]:
                name = service, series["metric_type"], tuple(sorted(series["tags"].items()))
                for point in series["points"]:
                    found[*name, window, parse_time_s(point["start"])] = point
    return found


def assert_point(window: Window, point: dict[str, Any], values: list[float]) -> None:
    """Exact where exactness is promised, quantiles within 1 %."""
    size, count = WINDOW_S[window[3]], len(values)
    exact = {"count": count, "sum": sum(values), "min": values[0], "max": values[-1]}
    assert {name: point[name] for name in exact} == exact, window
    assert parse_time_s(point["end"]) == window[4] + size
    assert point["mean"] == pytest.approx(sum(values) / count)
    assert point["stddev"] == pytest.approx(statistics.pstdev(values), abs=1e-6)
    assert point["rate"] == pytest.approx(count / size)
    for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        ranked = values[math.ceil(q * count) - 1]
        assert point[name] == pytest.approx(ranked, rel=0.0101, abs=1e-9), (window, name)


async def letters(server: str, wanted: Counter[Any], ours: set[Place]) -> Counter[Any]:
    """The dead letters of our records, once all that are wanted are there."""
    async with AIOKafkaConsumer(bootstrap_servers=server) as consumer:
        places = [TopicPartition(DEADLETTER, n) for n in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        found: Counter[Any] = Counter()

        async def read_on() -> bool:
            ends = await consumer.end_offsets(places)
            while any([await consumer.position(place) < ends[place] for place in places]):
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    for record in batch:
                        letter = orjson.loads(record.value or b"{}")
                        place = letter["partition"], letter["offset"]
                        if letter["topic"] == RAW and place in ours:
                            found[place, letter["reason"], letter["index"]] += 1
            return not wanted - found

        await eventually(read_on, "the dead letters")
        return found


def assert_placed(variant: Variant, records: list[Record], places: list[Place]) -> None:
    """The variant does what it is here for: on other partitions, or on the right ones."""
    pairs = zip(records, places, strict=True)
    astray = [place[0] != partition_of(record.service, PARTITIONS) for record, place in pairs]
    if variant.placing == "consistent_random":
        assert all(astray)
    elif variant.placing in ("murmur2_random", "keyed"):
        assert not any(astray)
    else:
        assert any(astray)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
async def test_same_windows(variant: Variant, stack: TestStack, engineer: Client) -> None:
    dice = random.Random(str(variant))
    server, services = stack.url("kafka"), names()
    end_s = int(time.time() - 30) // 900 * 900
    metrics = metrics_of(services, end_s, dice)
    wanted = expected(metrics)
    records = records_of(metrics, variant.batches, dice)
    places = await send(variant, server, records)
    assert_placed(variant, records, places)

    async def counted() -> bool:
        found = await read(engineer, services, end_s, ["1m"])
        return bool(sum(point["count"] for point in found.values()) >= len(metrics))

    await eventually(counted, "all metrics in a window")
    closer = {"metric_type": "closer", "value": 1, "timestamp": time.time()}
    closers = [Record(s, orjson.dumps({"service_name": s, **closer}), metrics=1) for s in services]
    places += await send(variant, server, closers)

    async def closed() -> dict[Window, dict[str, Any]] | None:
        found = await read(engineer, services, end_s)
        is_whole = sum(point["count"] for point in found.values()) >= 3 * len(metrics)
        return found if is_whole and all(point["final"] for point in found.values()) else None

    found = await eventually(closed, "the closed windows")
    assert found.keys() == wanted.keys()
    for window, point in found.items():
        assert_point(window, point, wanted[window])
    records += closers
    due = Counter(
        (place, reason, index)
        for record, place in zip(records, places, strict=True)
        for reason, index in record.letters
    )
    assert await letters(server, due, set(places)) == due
    await assert_archived_once(engineer, services, records)


async def assert_archived_once(client: Client, services: list[str], records: list[Record]) -> None:
    """Each metric is one row, though its record may have been forwarded."""
    for service in services:
        count = sum(record.metrics for record in records if record.service == service)

        async def rows(service: str = service, count: int = count) -> list[dict[str, Any]] | None:
            path = f"/api/metrics/raw?service={service}&limit=500"
            items: list[dict[str, Any]] = (await client.get(path))["items"]
            return items if len(items) >= count else None

        items = await eventually(rows, "the archived metrics")
        assert len({item["id"] for item in items}) == len(items) == count
