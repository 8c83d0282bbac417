"""Reading Kafka as any client would: whole topics, end offsets, what groups committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.chaos.compare import Aggregated
from tests.chaos.reference import Fault, Raw

RAW = "metrics.raw"
KEYED = "liveops.raw.keyed"
AGGREGATED = "metrics.aggregated"
DEADLETTER = "metrics.deadletter"
DETECTED = "incidents.detected"
DETECTIONS = "liveops.detections"
DIRTY = "liveops.windows.dirty"
OPEN = "liveops.windows.open"
#: Who reads what: nothing is settled while one of these lags.
GROUPS = {
    "liveops-metrics": (RAW, KEYED),
    "liveops-archive": (RAW, AGGREGATED, DIRTY),
    "liveops-incidents": (AGGREGATED, OPEN, DETECTIONS),
}
#: Topics with marks between the records: how far their writers have come, each second.
MARKED = (DETECTIONS, KEYED)
Offsets = dict[tuple[str, int], int]


class Log:
    """A reader of the broker that survives the broker's death."""

    def __init__(self, broker_url: str) -> None:
        self._url = broker_url.removeprefix("kafka://")

    @asynccontextmanager
    async def consumer(self) -> AsyncIterator[Any]:
        """A consumer without a group."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._url, enable_auto_commit=False, max_partition_fetch_bytes=1 << 23
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    async def ends(self, *topics: str) -> Offsets:
        """End offsets of topics."""
        async with self.consumer() as consumer:
            return await _ends(consumer, topics)

    async def committed(self, group: str) -> Offsets:
        """How far a group has come."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._url)
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(group)
        finally:
            await admin.close()
        return {(tp.topic, tp.partition): max(0, meta.offset) for tp, meta in found.items()}

    async def lag(self, group: str) -> int:
        """Records of its topics that a group has not committed."""
        done = await self.committed(group)
        ends = await self.ends(*GROUPS[group])
        behind = {place: end for place, end in ends.items() if end > done.get(place, 0)}
        told = {place: behind.pop(place) for place in list(behind) if place[0] in MARKED}
        count = sum(end - done.get(place, 0) for place, end in behind.items())
        if told:
            # The marks among them come for ever, and nothing is left to do about them.
            async with self.consumer() as consumer:
                records = await read_to(consumer, told, done)
            count += sum(not _is_mark(record.value) for record in records)
        return count

    async def committed_or_none(self, group: str, within_s: float = 4.0) -> Offsets | None:
        """How far a group has come in `metrics.raw`; None when the broker does not say."""
        try:
            async with asyncio.timeout(within_s):
                done = await self.committed(group)
        except (KafkaError, OSError, TimeoutError):
            return None
        return {place: offset for place, offset in done.items() if place[0] == RAW}

    async def lag_or_none(self, group: str, within_s: float = 4.0) -> int | None:
        """The same, or None when the broker does not say."""
        try:
            async with asyncio.timeout(within_s):
                return await self.lag(group)
        except (KafkaError, OSError, TimeoutError):
            return None

    async def read(self, topic: str) -> list[Any]:
        """All records of a topic, each partition in its order."""
        async with self.consumer() as consumer:
            ends = await _ends(consumer, (topic,))
            return await read_to(consumer, ends)

    async def raw(self) -> list[Raw]:
        """Everything on `metrics.raw`."""
        records = await self.read(RAW)
        return [Raw(r.partition, r.offset, r.timestamp, r.value) for r in records]

    async def faults(self) -> list[Fault]:
        """Places that dead letters name."""
        letters = [orjson.loads(record.value) for record in await self.read(DEADLETTER)]
        return [(x["partition"], x["offset"], x["index"], x.get("more", 0)) for x in letters]


def _is_mark(value: bytes | None) -> bool:
    return value is None or value.startswith(b'{"mark"')


async def _ends(consumer: Any, topics: tuple[str, ...]) -> Offsets:
    found: Offsets = {}
    for topic in topics:
        numbers = consumer.partitions_for_topic(topic)
        if numbers is None:
            await consumer._client.force_metadata_update()
            await consumer.topics()
            numbers = await _partitions(consumer, topic)
        places = [TopicPartition(topic, number) for number in sorted(numbers)]
        ends = await consumer.end_offsets(places)
        found |= {(tp.topic, tp.partition): end for tp, end in ends.items()}
    return found


async def _partitions(consumer: Any, topic: str) -> set[int]:
    metadata = await consumer._client.fetch_all_metadata()
    numbers = metadata.partitions_for_topic(topic)
    return set(numbers or ())


async def read_to(consumer: Any, ends: Offsets, begins: Offsets | None = None) -> list[Any]:
    """Read from these offsets, or from the beginning, up to these end offsets."""
    places = [TopicPartition(topic, number) for (topic, number), end in ends.items() if end]
    consumer.assign(places)
    if places:
        await consumer.seek_to_beginning(*places)
    for place in places:
        begin = (begins or {}).get((place.topic, place.partition))
        if begin:
            consumer.seek(place, begin)
    records: list[Any] = []
    left = set(places)
    while left:
        for batch in (await consumer.getmany(timeout_ms=500)).values():
            records += batch
        for place in list(left):
            if await consumer.position(place) >= ends[place.topic, place.partition]:
                left.discard(place)
    limit = {TopicPartition(*place): end for place, end in ends.items()}
    return [r for r in records if r.offset < limit[TopicPartition(r.topic, r.partition)]]


@dataclass(slots=True)
class AggregatedReader:
    """Follows `metrics.aggregated`: each call takes in what is new."""

    consumer: Any
    found: Aggregated
    started: bool = False

    async def catch_up(self) -> int:
        """Read on to the end; how many records were new."""
        ends = await _ends(self.consumer, (AGGREGATED,))
        places = [TopicPartition(topic, number) for topic, number in ends]
        if not self.started:
            self.consumer.assign(places)
            await self.consumer.seek_to_beginning(*places)
            self.started = True
        new = 0
        while True:
            positions = [await self.consumer.position(place) for place in places]
            if all(p >= e for p, e in zip(positions, ends.values(), strict=True)):
                return new
            for batch in (await self.consumer.getmany(timeout_ms=500)).values():
                for record in batch:
                    self.found.add(orjson.loads(record.value))
                    new += 1
