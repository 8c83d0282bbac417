"""Where the partitions of a log begin and end, and what a compacted one holds."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import NamedTuple, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from liveops.errors import Unavailable
from liveops.settings import Settings


class Bounds(NamedTuple):
    """First offset still there, and the offset of the next record."""

    begin: int
    end: int


class Log(Protocol):
    """Tells where partitions begin and end."""

    async def bounds(self, topic: str, partitions: Collection[int]) -> dict[int, Bounds]:
        """Begin and end by partition; raises Unavailable("kafka")."""


class LogOffsets:
    """Asks brokers for offsets; connects with the first use."""

    def __init__(self, settings: Settings, deadline_s: float = 10.0) -> None:
        self._servers = settings.bootstrap_servers
        self._deadline_s = deadline_s
        self._consumer: AIOKafkaConsumer | None = None
        self._one_at_a_time = asyncio.Lock()

    async def start(self) -> None:
        """Nothing to await: a broker that is away at the start is no error."""

    async def stop(self) -> None:
        """Close the connections."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaError, OSError):
                await consumer.stop()

    async def bounds(self, topic: str, partitions: Collection[int]) -> dict[int, Bounds]:
        """Begin and end by partition; raises Unavailable("kafka")."""
        wanted = [TopicPartition(topic, number) for number in partitions]
        if not wanted:
            return {}
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(self._deadline_s):
                    consumer = await self._started()
                    begins = await consumer.beginning_offsets(wanted)
                    ends = await consumer.end_offsets(wanted)
            except (KafkaError, OSError, TimeoutError, ValueError) as error:
                await self.stop()
                raise Unavailable("kafka") from error
        return {tp.partition: Bounds(begins[tp], ends[tp]) for tp in wanted}

    async def newest_values(self, topic: str, partitions: Collection[int]) -> dict[bytes, bytes]:
        """The last value of each key in these partitions of a compacted topic, by key.

        Reads from the beginning to the end there is when it is called; raises
        Unavailable("kafka") when the broker stops answering.
        """
        ends = {
            TopicPartition(topic, number): found.end
            for number, found in (await self.bounds(topic, partitions)).items()
            if found.end > found.begin
        }
        if not ends:
            return {}
        async with self._one_at_a_time:
            try:
                consumer = await self._started()
                consumer.assign(list(ends))
                await consumer.seek_to_beginning(*ends)
                values = await self._read(consumer, ends)
                consumer.unsubscribe()
            except (KafkaError, OSError, TimeoutError, ValueError) as error:
                await self.stop()
                raise Unavailable("kafka") from error
        return values

    async def _read(
        self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]
    ) -> dict[bytes, bytes]:
        values: dict[bytes, bytes] = {}
        behind = set(ends)
        while behind:
            async with asyncio.timeout(self._deadline_s):
                fetched = await consumer.getmany(*behind, timeout_ms=500)
                for records in fetched.values():
                    for record in records:
                        if record.value is None:
                            values.pop(record.key, None)
                        else:
                            values[record.key] = record.value
                behind = {tp for tp in behind if await consumer.position(tp) < ends[tp]}
        return values

    async def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(bootstrap_servers=self._servers, enable_auto_commit=False)
            try:
                await consumer.start()
            except BaseException:
                await consumer.stop()
                raise
            self._consumer = consumer
        return self._consumer
