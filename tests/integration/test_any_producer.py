"""Any Kafka producer, partitioner and codec gives the same windows as a plain computation.

Each variant sends metrics of its own services to `metrics.raw`, with junk in between; the
windows are read through the public API, the dead letters from their topic.
"""

from __future__ import annotations

import asyncio
import math
import random
import statistics
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka import Message
from confluent_kafka import Producer as Librdkafka

from liveops.kafka.partitioning import partition_of
from schema.metrics import WINDOW_S
from schema.times import format_time, parse_time_s
from schema.topics import DEADLETTER, RAW
from tests.client import Client, eventually
from tests.stack import TestStack

pytestmark = pytest.mark.integration
PARTITIONS = 8
SERVICES = 4
VALUES = 25
HEADERS = [("schema", b"1"), ("traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01")]
#: Partition and offset of a record in metrics.raw.
Place = tuple[int, int]
#: Service, metric type, tags, window and its start.
Window = tuple[str, str, tuple[tuple[str, str], ...], str, float]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to put metrics on the topic."""

    client: str
    placing: str
    codec: str
    batches: bool = False
    headers: bool = False

    def __str__(self) -> str:
        kind = "batches" if self.batches else "single"
        extra = ["headers"] if self.headers else []
        return "-".join([self.client, self.placing, self.codec, kind, *extra])


VARIANTS = [
    Variant("librdkafka", "consistent_random", "none"),
    Variant("librdkafka", "consistent_random", "zstd", batches=True, headers=True),
    Variant("librdkafka", "murmur2_random", "lz4", batches=True),
    Variant("librdkafka", "unkeyed", "snappy", headers=True),
    Variant("aiokafka", "keyed", "gzip"),
    Variant("aiokafka", "unkeyed", "snappy", batches=True),
    Variant("aiokafka", "explicit", "zstd", headers=True),
    Variant("aiokafka", "explicit", "lz4", batches=True, headers=True),
]


@dataclass(frozen=True, slots=True)
class Record:
    """A value for a service, and the dead letters it gives: (reason, index)."""

    service: str
    value: bytes | None
    letters: tuple[tuple[str, int | None], ...] = ()
    metrics: int = 0


def names() -> list[str]:
    """New services, none on the partition that librdkafka's own partitioner chooses."""
    found: list[str] = []
    while len(found) < SERVICES:
        name = f"any-{uuid4().hex[:12]}"
        if zlib.crc32(name.encode()) % PARTITIONS != partition_of(name, PARTITIONS):
            found.append(name)
    return found


def metrics_of(services: list[str], end_s: int, dice: random.Random) -> list[dict[str, Any]]:
    """Metrics of the quarter of an hour before `end_s`, in order of time."""
    made = []
    for service in services:
        for kind, tags in (("cpu", {}), ("latency_ms", {"pod": "p1", "az": "a"})):
            for _ in range(VALUES):
                time_s = end_s - 900 + dice.randrange(899_000) / 1000
                item = {"service_name": service, "metric_type": kind, "tags": tags}
                made.append((time_s, item | {"value": dice.randint(-40, 800) / 4}))
    made.sort(key=lambda pair: pair[0])
    return [m | {"timestamp": dice.choice([t, format_time(t)])} for t, m in made]


def junk(service: str, good: dict[str, Any], now_s: float) -> list[Record]:
    """What else lies on a topic; the batch holds one good metric between bad ones."""
    plain = {"service_name": service, "metric_type": "cpu", "value": 1}
    bare = {name: value for name, value in good.items() if name != "service_name"}
    mixed = [{"metric_type": "cpu", "value": "1"}, bare, good | {"service_name": "other"}]
    values: list[tuple[Any, str]] = [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "not_json"),
        (b"\xff\xfe\x00", "not_utf8"),
        (b"17", "invalid"),
        (orjson.dumps(plain | {"service_name": "a b"}), "invalid"),
        (orjson.dumps(plain | {"value": True}), "invalid"),
        (orjson.dumps(plain | {"timestamp": now_s + 3600}), "future"),
        (orjson.dumps(plain | {"timestamp": now_s - 8 * 86_400}), "too_old"),
    ]
    batch = orjson.dumps({"service_name": service, "metrics": mixed})
    return [
        Record(service, None),
        *(Record(service, value, ((reason, None),)) for value, reason in values),
        Record(service, batch, (("invalid", 0), ("invalid", 2)), metrics=1),
        Record(service, None),
    ]


def records_of(metrics: list[dict[str, Any]], batches: bool, dice: random.Random) -> list[Record]:
    """The metrics as records, in batches of up to ten of one service, junk between them."""
    *most, last = metrics
    records: list[Record] = []
    if batches:
        by_service: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for metric in most:
            item = {name: value for name, value in metric.items() if name != "service_name"}
            by_service[metric["service_name"]].append(item)
        for at in range(0, 2 * VALUES, 10):
            for service, items in by_service.items():
                part = items[at : at + 10]
                value = orjson.dumps({"service_name": service, "metrics": part})
                records.append(Record(service, value, metrics=len(part)))
    else:
        records = [Record(m["service_name"], orjson.dumps(m), metrics=1) for m in most]
    for extra in junk(last["service_name"], last, time.time()):
        records.insert(dice.randint(0, len(records)), extra)
    return records


def with_librdkafka(variant: Variant, server: str, records: list[Record]) -> list[Place]:
    """Send through confluent-kafka; where each record came to lie."""
    settings: dict[str, Any] = {
        "bootstrap.servers": server,
        "compression.type": variant.codec,
        "linger.ms": 5,
    }
    if variant.placing == "murmur2_random":
        settings["partitioner"] = variant.placing  # otherwise librdkafka's default
    places: dict[int, Place] = {}
    producer = Librdkafka(settings)
    for number, record in enumerate(records):

        def note(error: object, message: Message, number: int = number) -> None:
            assert error is None, error
            places[number] = message.partition() or 0, message.offset() or 0

        producer.produce(
            RAW,
            value=record.value,
            key=None if variant.placing == "unkeyed" else record.service.encode(),
            headers=dict(HEADERS) if variant.headers else None,
            on_delivery=note,
        )
    assert producer.flush(30) == 0
    return [places[number] for number in range(len(records))]


async def with_aiokafka(variant: Variant, server: str, records: list[Record]) -> list[Place]:
    """Send through aiokafka; where each record came to lie."""
    dice = random.Random(7)
    codec = None if variant.codec == "none" else variant.codec
    async with AIOKafkaProducer(bootstrap_servers=server, compression_type=codec) as producer:
        sent = [
            await producer.send(
                RAW,
                record.value,
                # A tombstone needs a key: this client sends no record without both.
                key=record.service.encode()
                if variant.placing == "keyed" or record.value is None
                else None,
                partition=dice.randrange(PARTITIONS) if variant.placing == "explicit" else None,
                headers=HEADERS if variant.headers else None,
            )
            for record in records
        ]
        return [(done.partition, done.offset) for done in await asyncio.gather(*sent)]


async def send(variant: Variant, server: str, records: list[Record]) -> list[Place]:
    """Send and wait for every ack."""
    if variant.client == "aiokafka":
        return await with_aiokafka(variant, server, records)
    return await asyncio.to_thread(with_librdkafka, variant, server, records)


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
