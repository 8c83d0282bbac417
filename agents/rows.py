"""What a chunk of records holds, while it is being read and afterwards."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from agents.decode import Fault, Place
from agents.origin import HEADER, Origins, pack_origin
from liveops.kafka.producer import Outgoing
from liveops.windows.buckets import Floats, Ints
from liveops.windows.state import Arrivals


class Columns(NamedTuple):
    """Series, value and time in epoch seconds of each record of a chunk."""

    series: Ints
    values: Floats
    times_s: Floats


@dataclass(slots=True)
class Gathered:
    """What a chunk holds; `keyed` tells that it was forwarded.

    `forwards` are records of other partitions, by partition; `others` are the records,
    with their service, that were not read quickly.
    """

    rows: Rows
    keyed: bool = False
    forwards: dict[int, list[Outgoing]] = field(default_factory=dict)
    faults: list[tuple[Fault, Place, bytes | None]] = field(default_factory=list)
    others: list[tuple[int, str]] = field(default_factory=list)
    tombstones: int = 0

    def forward(self, home: int, here: int, service: str, record: Any) -> None:
        """Send a record on to its partition; `here` is where it was read."""
        outgoing = Outgoing(service, record.value, ((HEADER, pack_origin(here, record)),))
        self.forwards.setdefault(home, []).append(outgoing)


class Rows:
    """Columns under construction: one entry a metric, `record` is its record's position."""

    def __init__(self, origins: Origins) -> None:
        self.origins = origins
        self.series = array("q")
        self.values = array("d")
        self.times_s = array("d")
        self.record = array("q")
        self.ids: dict[int, bytes] = {}

    def add(self, series: int, value: float, time_s: float, record: int) -> None:
        """One more metric."""
        self.series.append(series)
        self.values.append(value)
        self.times_s.append(time_s)
        self.record.append(record)

    def extend(self, columns: Columns, base: int, low: int, high: int) -> None:
        """The metrics of the columns' records low ≤ n < high; the first is number `base`."""
        if low < high:
            self.series.frombytes(columns.series[low:high].tobytes())
            self.values.frombytes(columns.values[low:high].tobytes())
            self.times_s.frombytes(columns.times_s[low:high].tobytes())
            self.record.frombytes(np.arange(base + low, base + high).tobytes())

    def drop(self, rows: list[int]) -> None:
        """Take back some rows."""
        if not rows:
            return
        for column in (self.series, self.values, self.times_s, self.record):
            kept = np.delete(np.frombuffer(column, column.typecode), rows).tobytes()
            del column[:]
            column.frombytes(kept)
        gone, missing = np.array(rows), set(rows)
        self.ids = {
            row - int(np.searchsorted(gone, row)): identity
            for row, identity in self.ids.items()
            if row not in missing
        }

    def cut(self, length: int) -> None:
        """Take back the rows from `length` on."""
        if len(self.series) == length:
            return
        del self.series[length:], self.values[length:], self.times_s[length:]
        del self.record[length:]
        for row in [row for row in self.ids if row >= length]:
            del self.ids[row]

    def arrivals(self) -> Arrivals:
        """The columns as arrays."""
        record = np.array(self.record, np.int64)
        return Arrivals(
            np.array(self.series, np.int64),
            np.array(self.values, np.float64),
            np.array(self.times_s, np.float64),
            np.array(self.origins.append_s, np.float64)[record],
            self.origins.offsets[record],
            self.origins.partitions[record],
            self.ids,
        )
