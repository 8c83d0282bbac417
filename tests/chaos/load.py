"""The producers: Kafka clients of several kinds and HTTP clients that never give up."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from aiokafka.partitioner import murmur2
from confluent_kafka import KafkaError, Producer

from tests.chaos.log import RAW
from tests.chaos.reference import Counted, Reference, read_log
from tests.chaos.reference import Raw as RawRecord
from tests.chaos.stack import Stack
from tests.chaos.traffic import Record, Traffic
from tests.client import Client

CODECS = ("none", "gzip", "lz4", "zstd")
TICK_S = 0.02
#: A producer that was held up catches up no more than this.
CATCH_UP_S = 2.0
HTTP_CALLS = 8
RETRY_S = 0.2
CALL_S = 15.0
Marker = tuple[object, ...]


@dataclass(slots=True)
class Book:
    """What was tried, acknowledged and repeated, metric by metric, without the ids."""

    tried: Counter[Marker] = field(default_factory=Counter)
    acknowledged: Counter[Marker] = field(default_factory=Counter)
    sent: int = 0
    kafka_failed: int = 0
    calls: int = 0
    retries: int = 0
    repeats: int = 0

    def enter(self, counter: Counter[Marker], record: Record) -> None:
        """Count the metrics of a record that have a time of their own."""
        if not record.repeat:
            counter.update(markers_of(record))


def marker(metric: Counted) -> Marker:
    """A metric without its id: what a producer knows of it."""
    return metric[:4]


def markers_of(record: Record) -> list[Marker]:
    """The metrics of a record, as a reader of the log will see them."""
    timed = [item for item in record.items if "timestamp" in item]
    if not timed:
        return []
    plain = [{"service_name": record.service, **item} for item in timed]
    now_ms = int(time.time() * 1000)
    return [marker(m) for m in read_log([RawRecord(0, 0, now_ms, orjson.dumps(plain))]).metrics]


def home_of(service: str, partitions: int) -> int:
    """The partition that a keyed record of the service would go to."""
    return int(murmur2(service.encode()) & 0x7FFFFFFF) % partitions


class KafkaLoad:
    """Idempotent producers with acks=all; half of what they send is on a wrong partition."""

    def __init__(self, stack: Stack, book: Book, seed: int) -> None:
        self._partitions = stack.partitions
        self._book = book
        self._random = random.Random(seed)
        self._producers = [
            Producer(
                {
                    "bootstrap.servers": stack.url("kafka").removeprefix("kafka://"),
                    "enable.idempotence": True,
                    "acks": "all",
                    "compression.type": codec,
                    "linger.ms": 20,
                    "message.timeout.ms": 60_000,
                    "queue.buffering.max.messages": 20_000,
                    "reconnect.backoff.max.ms": 500,
                    "log_level": 0,
                }
            )
            for codec in CODECS
        ]

    def send(self, record: Record) -> bool:
        """Hand a record over; False when the client is full and it must be tried again."""
        producer = self._random.choice(self._producers)

        def done(error: KafkaError | None, _message: Any) -> None:
            if error is None:
                self._book.enter(self._book.acknowledged, record)
            else:
                self._book.kafka_failed += 1

        key = self._random.choice((record.service, "", "another-key"))
        try:
            producer.produce(
                RAW, record.value, key=key or None, partition=self._place(record), on_delivery=done
            )
        except BufferError:
            return False
        self._book.enter(self._book.tried, record)
        self._book.sent += 1
        return True

    def _place(self, record: Record) -> int:
        home = home_of(record.service, self._partitions)
        if record.partition is not None:
            return record.partition % self._partitions
        if record.home:
            return home
        return (home + self._random.randrange(1, self._partitions)) % self._partitions

    def poll(self) -> None:
        """Take in acknowledgements."""
        for producer in self._producers:
            producer.poll(0)

    @property
    def waiting(self) -> int:
        """Records without an answer."""
        return sum(len(producer) for producer in self._producers)


class HttpLoad:
    """Calls `POST /api/metrics` with a key until each is answered with 202."""

    def __init__(self, stack: Stack, client: Client, book: Book, seed: int) -> None:
        self._stack = stack
        self._client = client
        self._book = book
        self._random = random.Random(seed)
        self._queue: asyncio.Queue[Record] = asyncio.Queue(4 * HTTP_CALLS)
        self._workers = [asyncio.create_task(self._run()) for _ in range(HTTP_CALLS)]

    def send(self, record: Record) -> bool:
        """Hand a call over; False when too many are under way."""
        try:
            self._queue.put_nowait(record)
        except asyncio.QueueFull:
            return False
        self._book.enter(self._book.tried, record)
        return True

    async def finish(self) -> None:
        """Wait until every call is answered with 202."""
        joined = asyncio.create_task(self._queue.join())
        await asyncio.wait([joined, *self._workers], return_when=asyncio.FIRST_COMPLETED)
        for task in self._workers:
            if task.done():
                task.result()
        for task in self._workers:
            task.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            record = await self._queue.get()
            await self._until_accepted(record)
            self._book.enter(self._book.acknowledged, record)
            if record.again:
                self._book.repeats += 1
                await self._until_accepted(record)
            self._queue.task_done()

    async def _until_accepted(self, record: Record) -> None:
        hasty_s, record.hasty_s = record.hasty_s, None
        while not await self._call(record, hasty_s or CALL_S):
            hasty_s = None
            self._book.retries += 1
            await asyncio.sleep(RETRY_S)

    async def _call(self, record: Record, within_s: float) -> bool:
        """One try; a refusal that is no "try again" ends the run."""
        workers = self._stack.metrics_workers()
        if not workers:
            return False
        self._book.calls += 1
        items = [{"service_name": record.service, **item} for item in record.items]
        try:
            async with self._client.session.post(
                self._random.choice(workers).url + "/api/metrics",
                json=items,
                headers={
                    "Authorization": f"Bearer {self._client.token}",
                    "Idempotency-Key": record.key,
                },
                timeout=aiohttp.ClientTimeout(total=within_s),
            ) as response:
                text = await response.text()
                if response.status in (409, 429) or response.status >= 500:
                    return False
                assert response.status == 202, f"{response.status}: {text}"
                return True
        except (aiohttp.ClientError, OSError):  # a timeout is an OSError too
            return False


async def pace(traffic: Traffic, kafka: KafkaLoad, http: HttpLoad, stop: asyncio.Event) -> None:
    """Send the stream at its rate until `stop` is set."""
    began_s, before = time.monotonic(), traffic.sent
    stream: Iterator[Record] = traffic.records()
    record: Record | None = None
    while not stop.is_set():
        now_s = time.monotonic()
        due = before + (now_s - began_s) * traffic.rate
        began_s += max(0.0, (due - traffic.sent) / traffic.rate - CATCH_UP_S)
        while traffic.sent < due:
            record = record or next(stream)
            if not (http if record.route == "http" else kafka).send(record):
                break
            record = None
        kafka.poll()
        await asyncio.sleep(TICK_S)


async def flush(kafka: KafkaLoad, http: HttpLoad, within_s: float) -> None:
    """Wait for the answers to everything that was sent."""
    async with asyncio.timeout(within_s):
        await http.finish()
        while kafka.waiting:
            kafka.poll()
            await asyncio.sleep(TICK_S)


def check_book(book: Book, reference: Reference) -> list[tuple[Marker, str, int, int]]:
    """(metric, what, bound, found) of acknowledged ones that are lost, and of inventions."""
    found = Counter(marker(metric) for metric in reference.metrics)
    lost = [
        (m, "acknowledged", number, found[m])
        for m, number in book.acknowledged.items()
        if found[m] < number
    ]
    return lost + [
        (m, "tried", book.tried[m], number)
        for m, number in found.items()
        if m in book.tried and number > book.tried[m]
    ]
