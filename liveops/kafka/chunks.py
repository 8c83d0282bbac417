"""Chunks: records of one partition that an agent of a batched topic gets as one message."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, cast

from faust.types import TP
from faust.types.events import EventT
from faust.types.tuples import ConsumerMessage

MAX_CHUNK_RECORDS = 4000
MAX_CHUNK_BYTES = 4 * 1024 * 1024


class Record(Protocol):
    """What a record offers: aiokafka's own records without the copy it makes of each."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Fetched(list[Any]):
    """Records of one partition as they were unpacked, with the broker's time (ms) of each.

    `compressed` tells that they may be many times the bytes that were fetched.
    """

    def __init__(self) -> None:
        super().__init__()
        self.append_ms = array("q")
        self.compressed = False

    def move(self, count: int, to: Fetched) -> None:
        """Hand the first `count` on, all if there are fewer."""
        to += self[:count]
        to.append_ms += self.append_ms[:count]
        to.compressed = to.compressed or self.compressed
        del self[:count], self.append_ms[:count]

    def since(self, offset: int) -> Fetched:
        """Those from an offset on."""
        if not self or self[0].offset >= offset:
            return self
        left = Fetched()
        left.extend(record for record in self if record.offset >= offset)
        left.append_ms = self.append_ms[len(self) - len(left) :]
        left.compressed = self.compressed
        return left


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one partition in offset order; never empty. Times in milliseconds.

    `append_ms` are the records' own times in one piece, where they are known so.
    """

    topic: str
    partition: int
    records: Sequence[Record]
    append_ms: Sequence[int] = ()


def chunk_of(event: EventT[Any]) -> Chunk:
    """The chunk of an event of a batched topic."""
    return cast(Chunk, event.message.value)


def cut(topic: str, partition: int, fetched: Fetched) -> list[Chunk]:
    """Records in offset order as chunks within the limits; one alone may be over them.

    What came uncompressed is within the limit of bytes, as the fetch is.
    """
    if 0 < len(fetched) <= MAX_CHUNK_RECORDS and not fetched.compressed:
        return [Chunk(topic, partition, fetched, fetched.append_ms)]
    return [
        Chunk(topic, partition, fetched[low:high], fetched.append_ms[low:high])
        for low, high in pairwise(_edges(fetched))
    ]


def _edges(records: Sequence[Record]) -> list[int]:
    edges, size = [0], 0
    for index, record in enumerate(records):
        size += len(record.value or b"")
        if size >= MAX_CHUNK_BYTES or index - edges[-1] + 1 >= MAX_CHUNK_RECORDS:
            edges.append(index + 1)
            size = 0
    return edges if edges[-1] == len(records) else [*edges, len(records)]


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
