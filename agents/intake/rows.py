"""What a chunk of records holds, while it is being read and afterwards."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from agents.intake.decode import Fault, Place
from agents.intake.origin import HEADER, Origins
from liveops.kafka.producer import Outgoing
from liveops.windows.buckets import Floats, Ints
from liveops.windows.state import Arrivals
from schema.metrics import MAX_FUTURE_S


class Columns(NamedTuple):
    """Series, value and time in epoch seconds of each record of a chunk."""

    series: Ints
    values: Floats
    times_s: Floats

    def only(self, chosen: Any) -> Columns:
        """Some records, by slice, mask or position."""
        return Columns(self.series[chosen], self.values[chosen], self.times_s[chosen])


def in_bounds(columns: Columns, append_s: Floats, max_age_s: float) -> Any:
    """Which have a finite value and a time that may be, seen from the broker's time of each."""
    good = np.isfinite(columns.values)
    good &= columns.times_s >= append_s - max_age_s
    good &= columns.times_s <= append_s + MAX_FUTURE_S
    return good


@dataclass(slots=True)
class Gathered:
    """What a chunk holds; `keyed` tells that it was forwarded.

    `forwards` are records of other partitions, by partition; `others` are the positions
    of records that gave no rows on the quick way, by service.
    """

    rows: Rows
    keyed: bool = False
    forwards: dict[int, list[Outgoing]] = field(default_factory=dict)
    faults: list[tuple[Fault, Place, bytes | None]] = field(default_factory=list)
    others: dict[str, list[int]] = field(default_factory=dict)
    tombstones: int = 0

    def forward(
        self, home: int, service: str, index: int, value: bytes | None, origin: bytes
    ) -> None:
        """Send record `index` on to its partition; `origin` says where it was read."""
        outgoing = Outgoing(service, value, ((HEADER, origin),))
        try:
            self.forwards[home].append(outgoing)
        except KeyError:
            self.forwards[home] = [outgoing]
        self.note(service, index)

    def note(self, service: str, index: int) -> None:
        """Record `index` holds metrics of this service."""
        try:
            self.others[service].append(index)
        except KeyError:
            self.others[service] = [index]


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

    def extend(self, columns: Columns, record: Ints) -> None:
        """One metric of each of these records, given by position."""
        self.series.frombytes(columns.series.tobytes())
        self.values.frombytes(columns.values.tobytes())
        self.times_s.frombytes(columns.times_s.tobytes())
        self.record.frombytes(record.tobytes())

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
            self.origins.append_s[record],
            self.origins.offsets[record],
            self.origins.partitions[record],
            self.ids,
        )
