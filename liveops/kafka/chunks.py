"""Chunks: records of one partition that an agent of a batched topic gets as one message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Protocol, cast

from faust.types import TP
from faust.types.events import EventT
from faust.types.tuples import ConsumerMessage

MAX_CHUNK_RECORDS = 4000
MAX_CHUNK_BYTES = 4 * 1024 * 1024
_VALUE = attrgetter("value")


class Record(Protocol):
    """What a record offers: aiokafka's own records without the copy it makes of each."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one partition in offset order; never empty. Times in milliseconds."""

    topic: str
    partition: int
    records: Sequence[Record]


def chunk_of(event: EventT[Any]) -> Chunk:
    """The chunk of an event of a batched topic."""
    return cast(Chunk, event.message.value)


def cut(topic: str, partition: int, records: Sequence[Record]) -> list[Chunk]:
    """Records in offset order as chunks within the limits; one alone may be over them."""
    if records and len(records) <= MAX_CHUNK_RECORDS and _bytes(records) <= MAX_CHUNK_BYTES:
        return [Chunk(topic, partition, records)]
    chunks: list[Chunk] = []
    start = size = 0
    for index, record in enumerate(records):
        size += len(record.value or b"")
        if size >= MAX_CHUNK_BYTES or index - start + 1 >= MAX_CHUNK_RECORDS:
            chunks.append(Chunk(topic, partition, records[start : index + 1]))
            start, size = index + 1, 0
    if start < len(records):
        chunks.append(Chunk(topic, partition, records[start:]))
    return chunks


def _bytes(records: Sequence[Record]) -> int:
    try:
        return sum(map(len, map(_VALUE, records)))
    except TypeError:  # a tombstone has no value
        return sum(len(record.value or b"") for record in records)


def message_of(chunk: Chunk, generation_id: int) -> ConsumerMessage:
    """The Faust message that carries a chunk; it lies where the last record does."""
    last = chunk.records[-1]
    return ConsumerMessage(
        chunk.topic,
        chunk.partition,
        last.offset,
        last.timestamp / 1000.0,
        0,
        [],
        None,
        cast(Any, chunk),
        None,
        tp=TP(chunk.topic, chunk.partition),
        generation_id=generation_id,
    )
