"""From a chunk of records to columns, as fast as Python can. Pure.

A series seen before is known by the bytes of its names and tags, so most records are read in
columns: all decoded, all looked up, all checked. What is unusual about a record, or new, is
left to `liveops.intake.slow_path`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from msgspec import UNSET

from liveops.intake.batch_records import read_batch_records
from liveops.intake.chunk import ChunkBuilder, Columns, DecodedChunk, Floats, in_bounds, only_ids
from liveops.intake.details import KindItems, details_of
from liveops.intake.series_table import UNKNOWN, SeriesTable
from liveops.intake.shapes import KindWire, Wire, decode_all, given_ids
from liveops.intake.slow_path import read_record
from liveops.intake.source_position import positions_of
from liveops.intake.times import seconds_of

#: Records read at once: what is held of them fits into the processor's cache.
_SLICE = 1000


class Decoder:
    """Reads chunks of one partition; remembers the series it has seen.

    `home_of` tells the partition of a service; metrics older than `max_age_s` are faults.
    """

    def __init__(self, partition: int, max_age_s: float, home_of: Callable[[str], int]) -> None:
        self._partition = partition
        self._max_age_s = max_age_s
        self.table = SeriesTable(home_of)

    def decode(
        self, topic: str, records: Sequence[Any], append_ms: Sequence[int] = ()
    ) -> DecodedChunk:
        """Decode, check and number the metrics of records of one topic in log order.

        `append_ms` are the records' broker times, where they are known beforehand.
        """
        self.table.refresh()
        positions = positions_of(topic, self._partition, records, append_ms)
        builder = ChunkBuilder(self.table, positions)
        for base in range(0, len(records), _SLICE):
            self._read(base, records[base : base + _SLICE], builder)
        return builder.built(records)

    def _read(self, base: int, records: Sequence[Any], builder: ChunkBuilder) -> None:
        """Some records of the chunk, of which the first is number `base`."""
        found = decode_all(records)
        wires, place = found.all, np.arange(len(records))
        if found.known is not None:
            wires = [found.all[at] for at in found.known]
            place = np.array(found.known, np.int64)
        append_s = builder.positions.append_s[base + place]
        numbers = self._numbers(wires) if found.plain else self._kind_numbers(wires)
        columns = _columns(numbers, wires, append_s)
        ids, odd_ids = given_ids(wires)
        fast = in_bounds(columns, append_s, self._max_age_s) & (columns.series != UNKNOWN)
        fast[odd_ids] = False
        told = None
        if not found.plain:
            told, odd = details_of(cast("KindItems", wires), columns.times_s)
            if odd is not None:
                fast &= ~odd
        chosen = base + place[fast]
        item = np.zeros(len(chosen), np.int64)
        told = told and told.only(fast)
        builder.extend(columns.only(fast), chosen, item, only_ids(ids, fast), told)
        if len(chosen) < len(records):
            others: list[int] = np.flatnonzero(~fast).tolist()
            batches = read_batch_records(
                others, wires, append_s, self.table.by_kind, self._max_age_s, plain=found.plain
            )
            record = base + place[batches.record]
            builder.extend(batches.columns, record, batches.item, batches.ids, batches.details)
            left = np.ones(len(records), bool)
            left[chosen - base] = left[record - base] = False
            for at in np.flatnonzero(left).tolist():
                read_record(base + at, records[at], found.all[at], builder, self._max_age_s)

    def _numbers(self, wires: Sequence[Wire]) -> list[int]:
        """The number of each record that is one metric."""
        known, single = self.table.written, UNSET
        return [
            known.get((wire.service_name, wire.metric_type, bytes(wire.tags)), UNKNOWN)
            if wire.metrics is single
            else UNKNOWN
            for wire in wires
        ]

    def _kind_numbers(self, wires: Sequence[Wire]) -> list[int]:
        """The same of records that may say their kind."""
        known, single = self.table.by_kind, UNSET
        return [
            known[wire.kind].get((wire.service_name, wire.metric_type, bytes(wire.tags)), UNKNOWN)
            if wire.metrics is single
            else UNKNOWN
            for wire in cast("Sequence[KindWire]", wires)
        ]


def _columns(numbers: list[int], wires: Sequence[Wire], append_s: Floats) -> Columns:
    """Number, value and time of each record."""
    values = np.array([wire.value for wire in wires])
    times_s = seconds_of([wire.timestamp for wire in wires], append_s)
    return Columns(np.array(numbers, np.int64), values, times_s)
