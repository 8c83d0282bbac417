"""What a chunk of records holds, while it is being read and afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from agents.decode import Fault, Place
from agents.origin import Origins
from liveops.windows.state import Arrivals
from schema.ids import raw_metric_id
from schema.metrics import Metric
from schema.topics import RAW

#: A metric, the partition and record it came in, and its index there.
Shown = tuple[Any, int, Any, int]


@dataclass(frozen=True, slots=True)
class Forward:
    """A valid record that belongs to another partition."""

    home: int
    service: str
    value: bytes
    header: bytes


@dataclass(slots=True)
class Gathered:
    """What a chunk holds; `shown` are single metrics of `metrics.raw` for the live view."""

    rows: Rows
    forwards: list[Forward] = field(default_factory=list)
    faults: list[tuple[Fault, Place, bytes | None]] = field(default_factory=list)
    shown: list[tuple[str, Shown]] = field(default_factory=list)
    tombstones: int = 0


class Rows:
    """Columns under construction: one entry a metric, `record` is its record's position."""

    def __init__(self, origins: Origins) -> None:
        self.origins = origins
        self.series: list[int] = []
        self.values: list[float] = []
        self.times_s: list[float] = []
        self.record: list[int] = []
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
        for column in (self.series, self.values, self.times_s, self.record):
            del column[length:]
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
            np.array(self.origins.offsets, np.int64)[record],
            np.array(self.origins.partitions, np.int64)[record],
            self.ids,
        )


def metric_of(service: str, shown: Shown) -> Metric:
    """A metric of the live view in full, with its id."""
    item, partition, record, index = shown
    if isinstance(item, Metric):
        return item
    append_s = record.timestamp / 1000.0
    time_s = item.timestamp
    if isinstance(time_s, datetime):
        time_s = time_s.timestamp()
    return Metric(
        item.id or raw_metric_id(RAW, partition, record.offset, index),
        service,
        item.metric_type,
        item.value,
        msgspec.json.decode(bytes(item.tags), type=dict[str, str]),
        append_s if time_s is None else time_s,
    )
