"""Reads a whole topic from its start, again and again to its present end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

#: Gets the value and the time of a record (epoch milliseconds).
Take = Callable[[bytes, int], None]
_POLL_MS = 500


class TopicReader:
    """All partitions of one topic, without a group."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        self._consumer = consumer
        self._partitions = partitions

    async def length(self) -> int:
        """Records ever written, over all partitions."""
        ends = await self._consumer.end_offsets(self._partitions)
        return sum(ends.values())

    async def read_to_end(self, take: Take) -> None:
        """Hand on what is new up to the end as it is now."""
        ends = await self._consumer.end_offsets(self._partitions)
        for partition, end in ends.items():
            while await self._consumer.position(partition) < end:
                await self._read(take)

    async def read(self, take: Take) -> None:
        """Hand on what comes within half a second."""
        await self._read(take)

    async def _read(self, take: Take) -> None:
        chunks = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=4000)
        for records in chunks.values():
            for record in records:
                if record.value is not None:
                    take(record.value, record.timestamp)


@asynccontextmanager
async def topic_reader(broker: str, topic: str, partitions: int) -> AsyncIterator[TopicReader]:
    """A reader at the start of the topic."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
    )
    wanted = [TopicPartition(topic, number) for number in range(partitions)]
    await consumer.start()
    try:
        consumer.assign(wanted)
        await consumer.seek_to_beginning(*wanted)
        yield TopicReader(consumer, wanted)
    finally:
        await consumer.stop()
