"""From a chunk of records to the columns the fold takes, as fast as Python can.

A series seen before is known by the bytes of its names and tags, so most records are
read in columns: all decoded, all looked up, all checked. What is unusual about a record,
or new, is left to `agents.intake.careful`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import UNSET

from agents.intake.batches import Batches, read_batches
from agents.intake.careful import UNKNOWN, CarefulReader
from agents.intake.origin import origins_of
from agents.intake.rows import Columns, Gathered, Rows, in_bounds
from agents.intake.times import seconds_of
from agents.intake.wire import Wire, decode_all
from liveops.windows.buckets import Floats, argsort_small, group_starts
from liveops.windows.state import SERIES_BITS, Limits, Outputs, PartitionState
from schema.topics import RAW_KEYED

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

    def gather(
        self, topic: str, records: Sequence[Any], append_ms: Sequence[int], outputs: Outputs
    ) -> Gathered:
        """Decode, check and number the metrics of records in log order."""
        self._careful.refresh()
        home, keyed = self._partition.home, topic == RAW_KEYED
        gathered = Gathered(Rows(origins_of(topic, home, records, append_ms)), keyed)
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
        wires = decode_all(records)
        append_s = gathered.rows.origins.append_s[base : base + len(records)]
        columns = self._columns(wires, append_s)
        quick = in_bounds(columns, append_s, self._max_age_s) & (columns.series != UNKNOWN)
        if gathered.keyed:  # what is foreign here is misrouted
            quick &= columns.series >= 0
        others: list[int] = np.flatnonzero(~quick).tolist()
        batches = read_batches(
            others, records, wires, append_s, self._careful.known, self._max_age_s
        )
        first = 0
        for index in [*others, len(records)]:
            if first < index:
                run = slice(first, index)
                _take_run(base + first, columns.only(run), records[run], wires[run], gathered)
            if index < len(records):
                record, wire = records[index], wires[index]
                if not _take_batch(batches, base, index, record, wire, gathered):
                    self._careful.read(base + index, record, wire, gathered, outputs)
            first = index + 1

    def _columns(self, wires: list[Wire], append_s: Floats) -> Columns:
        """Number, value and time of each record."""
        known, single = self._careful.known, UNSET
        numbers = [
            known.get((wire.service_name, wire.metric_type, bytes(wire.tags)), UNKNOWN)
            if wire.id is None and wire.metrics is single
            else UNKNOWN
            for wire in wires
        ]
        values = np.array([wire.value for wire in wires])
        times_s = seconds_of([wire.timestamp for wire in wires], append_s)
        return Columns(np.array(numbers, np.int64), values, times_s)

    def _drop_replayed(self, rows: Rows) -> int:
        """Take back records that their service has already; how many they were.

        Notes how far each service has its origins.
        """
        if self._all_fresh(rows):
            return 0
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

    def _all_fresh(self, rows: Rows) -> bool:
        """Whether each record is newer than all that its service has of its origin.

        Only then notes how far the services have their origins.
        """
        record = np.array(rows.record, np.int64)
        if not len(record):
            return True
        services = np.array(rows.series, np.int64) >> SERIES_BITS
        origins, offsets = rows.origins.partitions[record], rows.origins.offsets[record]
        pairs = services * (int(origins.max()) + 2) + origins + 1
        order = argsort_small(pairs)
        starts = group_starts(pairs[order])
        offsets, record = offsets[order], record[order]
        rising = (offsets[1:] > offsets[:-1]) | (record[1:] == record[:-1])
        rising[starts[1:] - 1] = True
        firsts, lasts = order[starts], offsets[[*(starts[1:] - 1).tolist(), -1]].tolist()
        chosen = [self._partition.by_number[at].offsets for at in services[firsts].tolist()]
        keys = origins[firsts].tolist()
        seen = [known.get(key, -1) for known, key in zip(chosen, keys, strict=True)]
        if not (rising.all() and (offsets[starts] > seen).all()):
            return False
        for known, key, last in zip(chosen, keys, lasts, strict=True):
            known[key] = last
        return True


def _take_batch(
    batches: Batches, base: int, index: int, record: Any, wire: Wire, gathered: Gathered
) -> bool:
    """Record `index` of the slice that begins at `base`, if it is a batch read in columns."""
    rows = batches.rows.get(index)
    if rows is None:
        return False
    columns = batches.columns.only(rows)
    home = -1 - int(columns.series[0])  # below zero: our own; a record is of one service
    if home < 0:
        gathered.rows.extend(columns, np.full(len(columns.series), base + index))
    elif gathered.keyed:
        return False  # misrouted
    else:
        (mark,) = gathered.rows.origins.packed(np.array([base + index]))
        gathered.forward(home, wire.service_name, base + index, record.value, mark)
    return True


def _take_run(
    base: int, columns: Columns, records: Sequence[Any], wires: Sequence[Wire], gathered: Gathered
) -> None:
    """Records that follow each other, all good and known; the first is number `base`."""
    numbers = columns.series
    own = numbers >= 0
    gathered.rows.extend(columns.only(own), base + np.flatnonzero(own))
    if own.all():
        return
    foreign = np.flatnonzero(~own)
    marks = gathered.rows.origins.packed(base + foreign)
    for at, home, mark in zip(
        foreign.tolist(), (-1 - numbers[foreign]).tolist(), marks, strict=True
    ):
        gathered.forward(home, wires[at].service_name, base + at, records[at].value, mark)
