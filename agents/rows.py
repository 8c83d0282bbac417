"""What a chunk of records holds, while it is being read and afterwards."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np

from agents.decode import Fault, Place
from agents.origin import Origins
from liveops.windows.state import Arrivals


@dataclass(frozen=True, slots=True)
class Forward:
    """A valid record that belongs to another partition."""

    home: int
    service: str
    value: bytes
    header: bytes


@dataclass(slots=True)
class Gathered:
    """What a chunk holds; `others` are the records, with their service, not read quickly."""

    rows: Rows
    forwards: list[Forward] = field(default_factory=list)
    faults: list[tuple[Fault, Place, bytes | None]] = field(default_factory=list)
    others: list[tuple[int, str]] = field(default_factory=list)
    tombstones: int = 0


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
