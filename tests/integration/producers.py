"""Producers of every kind, and what they send: metrics with junk in between."""

from __future__ import annotations

import asyncio
import random
import time
import zlib
from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
from aiokafka import AIOKafkaProducer
from confluent_kafka import Message
from confluent_kafka import Producer as Librdkafka

from liveops.kafka.partitioning import partition_of
from schema.times import format_time
from schema.topics import RAW

PARTITIONS = 8
SERVICES = 4
VALUES = 25
HEADERS = [("schema", b"1"), ("traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01")]
#: Partition and offset of a record in metrics.raw.
Place = tuple[int, int]


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
