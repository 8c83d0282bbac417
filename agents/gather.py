"""From a chunk of records to the columns the fold takes, as fast as Python can.

A series seen before is known by the bytes of its names and tags, so most records are
read in columns: all decoded, all looked up, all checked. What is unusual about a record,
or new, is left to `agents.careful`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import UNSET

from agents.careful import CarefulReader
from agents.origin import origins_of
from agents.rows import Columns, Gathered, Rows
from agents.wire import Wire, decode_all, times_of
from liveops.windows.state import SERIES_BITS, Limits, Outputs, PartitionState
from schema.metrics import MAX_FUTURE_S
from schema.topics import RAW_KEYED

#: In the place of a series' number: the record is not for the quick way.
_UNKNOWN = -(1 << 62)
#: Records read at once: what is held of them fits into the processor's cache.
_SLICE = 1000


class Gatherer:
    """Reads chunks of one partition."""

    def __init__(
        self, partition: PartitionState, limits: Limits, partitions: int, max_age_s: float
    ) -> None:
        self._partition = partition
        self._max_age_s = max_age_s
        self._careful = CarefulReader(partition, limits, partitions, max_age_s)

    def gather(self, topic: str, records: Sequence[Any], outputs: Outputs) -> Gathered:
        """Decode, check and number the metrics of records in log order."""
        self._careful.refresh()
        home, keyed = self._partition.home, topic == RAW_KEYED
        gathered = Gathered(Rows(origins_of(topic, home, records)), keyed)
        if not records:
            return gathered
        for base in range(0, len(records), _SLICE):
            self._read(base, records[base : base + _SLICE], gathered, outputs)
        until = self._partition.replay_until.get(home, -1)
        if keyed or records[0].offset <= until:
            outputs.replayed += self._drop_replayed(gathered.rows)
        if not keyed:
            self._partition.replay_until[home] = max(until, records[-1].offset)
        return gathered

    def _read(
        self, base: int, records: Sequence[Any], gathered: Gathered, outputs: Outputs
    ) -> None:
        """Some records of the chunk, of which the first is number `base`."""
        rows, home = gathered.rows, self._partition.home
        wires = decode_all(records)
        columns, good = self._columns(wires, rows.origins.append_s[base : base + len(records)])
        numbers = columns.series
        foreign = good & (numbers < 0) & (numbers != _UNKNOWN) & (not gathered.keyed)
        first = 0
        for index in np.flatnonzero(~good | (numbers < 0)).tolist():
            rows.extend(columns, base, first, index)
            first = index + 1
            if foreign[index]:
                service = wires[index].service_name
                gathered.forward(-1 - int(numbers[index]), home, service, records[index])
                gathered.others.append((base + index, service))
            else:
                record, wire = records[index], wires[index]
                self._careful.read(base + index, record, wire, gathered, outputs)
        rows.extend(columns, base, first, len(records))

    def _columns(self, wires: list[Wire], append_s: list[float]) -> tuple[Columns, Any]:
        """Number, value and time of each record, and which of them have good ones."""
        known, single = self._careful.known, UNSET
        numbers = [
            known.get((wire.service_name, wire.metric_type, bytes(wire.tags)), _UNKNOWN)
            if wire.id is None and wire.metrics is single
            else _UNKNOWN
            for wire in wires
        ]
        values = np.array([wire.value for wire in wires])
        times_s = np.array(times_of(wires, append_s))
        broker_s = np.array(append_s)
        good = np.isfinite(values)
        good &= (times_s >= broker_s - self._max_age_s) & (times_s <= broker_s + MAX_FUTURE_S)
        return Columns(np.array(numbers, np.int64), values, times_s), good

    def _drop_replayed(self, rows: Rows) -> int:
        """Take back records that their service has already; how many they were.

        Notes how far each service has its origins.
        """
        dropped: list[int] = []
        replayed, last, fresh = 0, -1, True
        by_number, origins = self._partition.by_number, rows.origins
        partitions, positions = origins.partitions.tolist(), origins.offsets.tolist()
        for row, (number, record) in enumerate(zip(rows.series, rows.record, strict=True)):
            if record != last:
                last = record
                offsets = by_number[number >> SERIES_BITS].offsets
                origin, offset = partitions[record], positions[record]
                fresh = offset > offsets.get(origin, -1)
                if fresh:
                    offsets[origin] = offset
                else:
                    replayed += 1
            if not fresh:
                dropped.append(row)
        rows.drop(dropped)
        return replayed
