"""Where a record was first: its place in `metrics.raw`, also after it was forwarded. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liveops.intake.faults import Place
from schema.topics import RAW, RAW_KEYED

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: Partition and offset in metrics.raw, append time in seconds.
Origin = tuple[int, int, float]
#: Header of forwarded records: partition, offset and append time (ms) in metrics.raw.
HEADER = "origin"
_COLUMNS = np.dtype([("partition", ">i4"), ("offset", ">i8"), ("append_ms", ">i8")])
#: Header of marks on `liveops.raw.keyed`, which have no value: an origin, and up to which
#: broker time (ms) its reader has handed on everything.
MARK_HEADER = "mark"
_MARK = np.dtype([("partition", ">i4"), ("time_ms", ">i8")])
#: Origin of records that somebody else put on `liveops.raw.keyed`.
FOREIGN_ORIGIN = -1


@dataclass(frozen=True, slots=True)
class SourcePositions:
    """Where the records of a chunk were first, in columns; `partitions` are their origins."""

    partitions: Ints
    offsets: Ints
    append_s: Floats

    def at(self, index: int) -> Origin:
        """The origin of one record."""
        return int(self.partitions[index]), int(self.offsets[index]), float(self.append_s[index])

    def packed(self, chosen: Ints) -> list[bytes]:
        """Header values of some records, by position."""
        columns = np.empty(len(chosen), _COLUMNS)
        columns["partition"], columns["offset"] = self.partitions[chosen], self.offsets[chosen]
        columns["append_ms"] = np.rint(self.append_s[chosen] * 1000)
        packed, size = columns.tobytes(), _COLUMNS.itemsize
        return [packed[at : at + size] for at in range(0, len(packed), size)]


def positions_of(
    topic: str, partition: int, records: Sequence[Any], append_ms: Sequence[int] = ()
) -> SourcePositions:
    """Where records were first in `metrics.raw`; of a stranger's, its own place.

    `append_ms` are the records' times, where they are known beforehand.
    """
    if topic == RAW:
        known_ms = append_ms or [record.timestamp for record in records]
        append_s = np.array(known_ms, np.float64) / 1000.0
        return SourcePositions(np.full(len(records), partition), _offsets_of(records), append_s)
    packed = [mark for record in records for name, mark in record.headers if name == HEADER]
    if len(packed) == len(records) and {*map(len, packed)} <= {_COLUMNS.itemsize}:
        columns = np.frombuffer(b"".join(packed), _COLUMNS)
        partitions, offsets = columns["partition"], columns["offset"]
        append_s = columns["append_ms"] / 1000.0
        return SourcePositions(partitions.astype(np.int64), offsets.astype(np.int64), append_s)
    found = [_unpack(record) for record in records]
    partitions = np.array([o[0] for o in found], np.int64)
    offsets = np.array([o[1] for o in found], np.int64)
    return SourcePositions(partitions, offsets, np.array([o[2] for o in found]))


def _offsets_of(records: Sequence[Any]) -> Ints:
    if not records:
        return np.empty(0, np.int64)
    first, last = records[0].offset, records[-1].offset
    if last - first + 1 == len(records):  # none is missing in between
        return np.arange(first, last + 1)
    return np.array([record.offset for record in records], np.int64)


def _unpack(record: Any) -> Origin:
    for name, value in record.headers:
        if name == HEADER and len(value) == _COLUMNS.itemsize:
            partition, offset, append_ms = np.frombuffer(value, _COLUMNS)[0].item()
            return partition, offset, append_ms / 1000.0
    return FOREIGN_ORIGIN, record.offset, record.timestamp / 1000.0


def place_of(origin: Origin, partition: int) -> Place:
    """The origin as a place in the log; `partition` is where the record was read."""
    if origin[0] == FOREIGN_ORIGIN:
        return Place(RAW_KEYED, partition, *origin[1:])
    return Place(RAW, *origin)


def mark_header(partition: int, time_s: float) -> tuple[str, bytes]:
    """The header of a mark: everything of a partition is handed on up to a broker time."""
    packed = np.zeros(1, _MARK)
    packed["partition"], packed["time_ms"] = partition, int(time_s * 1000)
    return MARK_HEADER, packed.tobytes()


def mark_of(record: Any) -> tuple[int, float] | None:
    """Partition and broker time (epoch seconds) of a record that is a mark."""
    for name, value in record.headers:
        if name == MARK_HEADER and len(value) == _MARK.itemsize:
            partition, time_ms = np.frombuffer(value, _MARK)[0].item()
            return partition, time_ms / 1000.0
    return None
