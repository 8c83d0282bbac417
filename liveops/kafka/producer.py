"""The producer behind everything we send outside Faust: idempotent, acks=all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTimestampError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)
from aiokafka.structs import RecordMetadata, TopicPartition
from msgspec import Struct

from liveops.errors import LiveOpsError, Refused, Unavailable
from liveops.kafka.partitioning import partition_of
from liveops.settings import Settings

Headers = list[tuple[str, bytes]]
#: What tells that the broker has a record.
Ack = asyncio.Future[RecordMetadata]
SCHEMA_HEADER = ("schema", b"1")
_HEADERS = [SCHEMA_HEADER]
_PING_DEADLINE_S = 2.0
#: Given up, a broken producer has so long to close its connections.
_CLOSE_DEADLINE_S = 1.0
#: How often it is looked whether sending is allowed again.
_LOOK_S = 0.05
#: About the record, not about the broker.
_REFUSED = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTimestampError)


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


def _is_fatal(error: Exception) -> bool:
    """Whether the producer is of no more use; a refused record leaves a gap in its numbering."""
    if isinstance(error, KafkaTimeoutError):
        return False
    return isinstance(error, KafkaError) and not error.retriable


def _is_dead(producer: Any) -> bool:
    """Whether it takes no more records: closed, or its sender has ended."""
    records = producer._message_accumulator  # noqa: SLF001 - aiokafka 0.14 does not tell; a test pins this
    return bool(records._closed) or records._exception is not None  # noqa: SLF001 - likewise


def _hold_back(producer: Any, may_send: Callable[[], bool]) -> None:
    """Look at the last moment, before a request goes to the broker, whether it may."""
    sender = producer._sender  # noqa: SLF001 - aiokafka 0.14 offers no hook
    send = sender._send_produce_req  # noqa: SLF001 - the last step before the socket

    async def when_allowed(node: Any, batches: Any) -> None:
        while not may_send():
            await asyncio.sleep(_LOOK_S)
        await send(node, batches)

    sender._send_produce_req = when_allowed  # noqa: SLF001 - a test pins its name


async def _give_up(producer: Any) -> None:
    """Close a producer that may not be able to."""
    with suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(_CLOSE_DEADLINE_S):
            await producer.stop()


class Producer:
    """Sends one record and waits for the broker's ack; starts with the first use.

    With `may_send` nothing leaves while that says no, also what has been waiting to: what a
    process had in hand when it was frozen must not follow what others wrote meanwhile.
    """

    def __init__(
        self,
        settings: Settings,
        deadline_s: float = 10.0,
        may_send: Callable[[], bool] | None = None,
    ) -> None:
        self._servers = settings.bootstrap_servers
        self._deadline_s = deadline_s
        self._may_send = may_send
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        #: By topic, its partitions as aiokafka names them.
        self._places: dict[str, list[TopicPartition]] = {}

    async def ping(self) -> bool:
        """Whether a broker answers a metadata request now."""
        try:
            async with asyncio.timeout(_PING_DEADLINE_S), self._use() as producer:
                await producer.client.fetch_all_metadata()
        except (Unavailable, Refused, TimeoutError):
            return False
        return True

    async def start(self) -> None:
        """Nothing: the first use connects."""

    async def stop(self) -> None:
        """Flush and close; what may not be sent is not waited for."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        if self._may_send is None or self._may_send():
            await producer.stop()
        else:
            await _give_up(producer)

    async def send(
        self,
        topic: str,
        key: str | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        headers: Headers | None = None,
    ) -> RecordMetadata:
        """Send and wait for the ack; raises Unavailable("kafka") when it does not come.

        Raises Refused for a record that the broker will never take.
        """
        async with self._use() as producer:
            future = await producer.send(
                topic,
                value,
                key=None if key is None else key.encode(),
                partition=partition,
                headers=[SCHEMA_HEADER, *(headers or [])],
            )
            record: RecordMetadata = await asyncio.shield(future)
        return record

    async def begin(self, topic: str, key: str, value: bytes) -> Ack:
        """Hand over a record; its acknowledgement comes, or fails, with what is returned.

        A fraction of `send`: no task, no timer. Waits for a connection and for room; who calls has
        a deadline, and asks `verdict_on` what a failure means. Raises Unavailable("kafka").
        """
        producer = self._producer
        if producer is None:
            async with self._use() as producer:
                await producer.partitions_for(topic)
        numbers = producer.client.cluster.partitions_for_topic(topic) or ()
        places = self._places.get(topic, ())
        if len(places) != len(numbers) or not places:
            async with self._use() as producer:
                numbers = await producer.partitions_for(topic)
            places = [TopicPartition(topic, number) for number in range(len(numbers))]
            self._places[topic] = places
        place = places[partition_of(key, len(places))]
        try:
            # `send` of aiokafka looks up and checks for 20 µs what is known here; a test pins this.
            ack: Ack = await producer._message_accumulator.add_message(  # noqa: SLF001 - as above
                place, key.encode(), value, self._deadline_s, headers=_HEADERS
            )
        except (KafkaError, OSError) as error:
            raise await self.verdict_on(error) from error
        return ack

    async def verdict_on(self, error: Exception) -> LiveOpsError:
        """What a failed `begin` is for the caller; a producer that is dead is given up.

        The failure may be of one that was given up before.
        """
        if self._producer is not None and _is_dead(self._producer):
            await self._discard(self._producer)
        return Refused(str(error)) if isinstance(error, _REFUSED) else Unavailable("kafka")

    async def send_in_order(self, topic: str, partition: int, records: Sequence[Outgoing]) -> None:
        """Send many records to one partition; each batch is acked before the next is sent.

        Much cheaper than single sends. Raises Unavailable("kafka") or Refused: then a
        beginning of the records is on the broker, and nothing after it.
        """
        at = 0
        while at < len(records):
            async with self._use() as producer:
                batch = producer.create_batch()
                first = at
                while at < len(records) and _append(batch, records[at]):
                    at += 1
                if at == first:
                    raise Refused(f"a record of {len(records[at].value or b'')} bytes")
                sent = await producer.send_batch(batch, topic, partition=partition)
                await asyncio.shield(sent)

    async def partitions(self, topic: str) -> int:
        """Partition count of a topic; raises Unavailable("kafka")."""
        async with self._use() as producer:
            return len(await producer.partitions_for(topic))

    @asynccontextmanager
    async def _use(self) -> AsyncIterator[AIOKafkaProducer]:
        """The producer for one call within the deadline; raises Unavailable("kafka") or Refused.

        What no further try can mend (fenced, closed, its numbering of records broken, its
        sender dead) ends the producer: the next call makes a new one.
        """
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(self._deadline_s):
                producer = await self._started()
                yield producer
        except (KafkaError, OSError, TimeoutError) as error:
            if producer is not None and _is_fatal(error):
                await self._discard(producer)
            if isinstance(error, _REFUSED):
                raise Refused(str(error)) from error
            raise Unavailable("kafka") from error

    async def _discard(self, broken: AIOKafkaProducer) -> None:
        if self._producer is None or broken is not self._producer:
            return  # somebody else was quicker
        self._producer = None
        await _give_up(broken)

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
                if self._may_send is not None:
                    _hold_back(producer, self._may_send)
                self._producer = producer
        return self._producer
