"""Where the partitions of a log begin and end, and with what, asked of the broker."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import NamedTuple, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from liveops.errors import Unavailable
from liveops.settings import Settings

#: A record that is still there comes within this time.
_LAST_DEADLINE_S = 3.0


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

    async def last_records(
        self, topic: str, partitions: Collection[int]
    ) -> dict[int, tuple[bytes | None, bytes | None]]:
        """Key and value of the last record by partition; raises Unavailable("kafka").

        Left out are partitions that are empty, or whose last record was compacted away.
        """
        ends = {
            TopicPartition(topic, number): found.end
            for number, found in (await self.bounds(topic, partitions)).items()
            if found.end > found.begin
        }
        last: dict[int, tuple[bytes | None, bytes | None]] = {}
        async with self._one_at_a_time:
            try:
                consumer = await self._started()
                consumer.assign(list(ends))
                for tp, end in ends.items():
                    consumer.seek(tp, end - 1)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LAST_DEADLINE_S):
                        while len(last) < len(ends):
                            for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                                last[tp.partition] = records[-1].key, records[-1].value
                consumer.unsubscribe()
            except (KafkaError, OSError, ValueError) as error:
                await self.stop()
                raise Unavailable("kafka") from error
        return last

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
