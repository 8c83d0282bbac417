"""Where a record was first: its place in `metrics.raw`, also after it was forwarded."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.decode import Place
from schema.topics import RAW, RAW_KEYED

#: Partition and offset in metrics.raw, append time in seconds.
Origin = tuple[int, int, float]
#: Header of forwarded records: partition, offset and append time (ms) in metrics.raw.
HEADER = "origin"
_PACKED = struct.Struct(">iqq")
#: Origin of records that somebody else put on `liveops.raw.keyed`.
FOREIGN_ORIGIN = -1


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins of the records of a chunk, in columns."""

    partitions: list[int]
    offsets: list[int]
    append_s: list[float]

    def at(self, index: int) -> Origin:
        """The origin of one record."""
        return self.partitions[index], self.offsets[index], self.append_s[index]


def origins_of(topic: str, partition: int, records: Sequence[Any]) -> Origins:
    """Where records were first in `metrics.raw`; of a stranger's, its own place."""
    if topic == RAW:
        return Origins(
            [partition] * len(records),
            [record.offset for record in records],
            [record.timestamp / 1000.0 for record in records],
        )
    found = [_unpack(record) for record in records]
    return Origins([o[0] for o in found], [o[1] for o in found], [o[2] for o in found])


def _unpack(record: Any) -> Origin:
    for name, value in record.headers:
        if name == HEADER and len(value) == _PACKED.size:
            partition, offset, append_ms = _PACKED.unpack(value)
            return partition, offset, append_ms / 1000.0
    return FOREIGN_ORIGIN, record.offset, record.timestamp / 1000.0


def place_of(origin: Origin, partition: int) -> Place:
    """The origin as a place in the log; `partition` is where the record was read."""
    if origin[0] == FOREIGN_ORIGIN:
        return Place(RAW_KEYED, partition, *origin[1:])
    return Place(RAW, *origin)


def pack_origin(partition: int, record: Any) -> bytes:
    """Header value of a record of `metrics.raw` that is forwarded."""
    return _PACKED.pack(partition, record.offset, record.timestamp)
