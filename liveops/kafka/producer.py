"""The producer behind everything we send outside Faust: idempotent, acks=all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownProducerId,
)
from aiokafka.structs import RecordMetadata
from msgspec import Struct

from liveops.errors import Unavailable
from liveops.settings import Settings

Headers = list[tuple[str, bytes]]
SCHEMA_HEADER = ("schema", b"1")
_PING_DEADLINE_S = 2.0


_BROKEN = (OutOfOrderSequenceNumber, UnknownProducerId, ProducerFenced, ProducerClosed)


class Outgoing(Struct, frozen=True, gc=False):
    """A record to send; the partition is chosen by the sender."""

    key: str
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def _append(batch: Any, record: Outgoing) -> bool:
    """Whether the batch had room."""
    return (
        batch.append(
            key=record.key.encode(),
            value=record.value,
            timestamp=None,
            headers=[SCHEMA_HEADER, *record.headers],
        )
        is not None
    )


class Producer:
    """Sends one record and waits for the broker's ack; starts with the first use."""

    def __init__(self, settings: Settings, deadline_s: float = 10.0) -> None:
        self._servers = settings.bootstrap_servers
        self._deadline_s = deadline_s
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def ping(self) -> bool:
        """Whether a broker answers a metadata request now."""
        try:
            async with asyncio.timeout(_PING_DEADLINE_S):
                producer = await self._started()
                await producer.client.fetch_all_metadata()
        except (KafkaError, OSError, TimeoutError):
            return False
        return True

    async def stop(self) -> None:
        """Flush and close."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def send(
        self,
        topic: str,
        key: str | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        headers: Headers | None = None,
    ) -> RecordMetadata:
        """Send and wait for the ack; raises Unavailable("kafka") when it does not come."""
        try:
            async with asyncio.timeout(self._deadline_s):
                producer = await self._started()
                future = await producer.send(
                    topic,
                    value,
                    key=None if key is None else key.encode(),
                    partition=partition,
                    headers=[SCHEMA_HEADER, *(headers or [])],
                )
                record: RecordMetadata = await asyncio.shield(future)
        except (KafkaError, OSError, TimeoutError) as error:
            raise Unavailable("kafka") from error
        return record

    async def send_in_order(self, topic: str, partition: int, records: Sequence[Outgoing]) -> None:
        """Send many records to one partition; each batch is acked before the next is sent.

        Much cheaper than single sends. Raises Unavailable("kafka"): then a beginning of
        the records is on the broker, and nothing after it.
        """
        at = 0
        while at < len(records):
            try:
                async with asyncio.timeout(self._deadline_s):
                    producer = await self._started()
                    batch = producer.create_batch()
                    first = at
                    while at < len(records) and _append(batch, records[at]):
                        at += 1
                    if at == first:
                        raise ValueError(f"a record of {len(records[at].value or b'')} bytes")
                    sent = await producer.send_batch(batch, topic, partition=partition)
                    await asyncio.shield(sent)
            except _BROKEN as error:
                await self._replace()
                raise Unavailable("kafka") from error
            except (KafkaError, OSError, TimeoutError) as error:
                raise Unavailable("kafka") from error

    async def _replace(self) -> None:
        """Give up a producer whose numbering of records is broken; the next use starts one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await producer.stop()

    async def partitions(self, topic: str) -> int:
        """Partition count of a topic; raises Unavailable("kafka")."""
        try:
            async with asyncio.timeout(self._deadline_s):
                producer = await self._started()
                return len(await producer.partitions_for(topic))
        except (KafkaError, OSError, TimeoutError) as error:
            raise Unavailable("kafka") from error

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._servers,
                    enable_idempotence=True,
                    acks="all",
                    linger_ms=2,
                    max_batch_size=524_288,
                    max_request_size=8 * 1024 * 1024,
                    compression_type="zstd",
                    request_timeout_ms=10_000,
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
        return self._producer
