"""Puts records on `metrics.raw` in whole batches, uncompressed, acks=all, each once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer

from liveops.bench.records import Load, make
from schema.topics import RAW

BATCH_BYTES = 512 * 1024
COMPRESSION = "none"


class BatchSender:
    """Gathers records by partition and sends each full batch by itself."""

    def __init__(self, producer: AIOKafkaProducer, topic: str = RAW) -> None:
        self._producer = producer
        self._topic = topic
        self._open: dict[int, Any] = {}
        self._sent: list[asyncio.Future[Any]] = []

    async def add(self, partition: int, key: bytes, value: bytes) -> None:
        """Queue one record; sends the partition's batch first when that is full."""
        batch = self._open.get(partition)
        if batch is None:
            batch = self._open[partition] = self._producer.create_batch()
        if batch.append(key=key, value=value, timestamp=None) is None:
            await self._send(partition)
            await self.add(partition, key, value)

    async def send(self) -> None:
        """Hand every batch to the producer, full or not."""
        for partition in list(self._open):
            await self._send(partition)

    async def flush(self) -> None:
        """Send the rest and wait until the broker has acknowledged everything."""
        await self.send()
        await asyncio.gather(*self._sent)
        self._sent.clear()

    async def _send(self, partition: int) -> None:
        batch = self._open.pop(partition)
        future = await self._producer.send_batch(batch, self._topic, partition=partition)
        self._sent = [item for item in self._sent if not item.done() or item.exception()]
        self._sent.append(future)


@asynccontextmanager
async def batch_sender(broker: str) -> AsyncIterator[BatchSender]:
    """A sender whose records have all been acknowledged when the block ends."""
    producer = AIOKafkaProducer(
        bootstrap_servers=broker, enable_idempotence=True, max_batch_size=BATCH_BYTES
    )
    await producer.start()
    try:
        sender = BatchSender(producer)
        yield sender
        await sender.flush()
    finally:
        await producer.stop()


async def fill(broker: str, load: Load, partitions: int) -> None:
    """Send the whole load, in order within each service; returns when all is acknowledged."""
    names = [load.shape.service(number) for number in range(load.shape.services)]
    homes = [load.partition(name, partitions) for name in names]
    keys = [name.encode() for name in names]
    async with batch_sender(broker) as sender:
        for service, value in make(load):
            await sender.add(homes[service], keys[service], value)
