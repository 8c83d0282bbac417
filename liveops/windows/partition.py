"""The windows of one partition of `metrics.raw`: a decoded chunk in, outputs out. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from liveops.intake.chunk import DecodedChunk
from liveops.intake.series_table import SeriesTable
from liveops.windows.admission import release
from liveops.windows.buckets import Ints, group_starts
from liveops.windows.closing import correct
from liveops.windows.fold import apply_mark, fold, tick
from liveops.windows.identify import TableIndex
from liveops.windows.replay import fresh
from liveops.windows.row_buffer import flush
from liveops.windows.rows import Mark
from liveops.windows.state import Outputs, PartitionState, ServiceWindows, WindowLimits


class ForeignRecords(NamedTuple):
    """Records of a chunk with metrics of other partitions: position, and which partition.

    A record is here once for each of these partitions. `series` is the number of its first
    metric there in the decoder's table.
    """

    records: Ints
    homes: Ints
    series: Ints


class PartitionFold:
    """Folds chunks of one partition into its state, in log order."""

    def __init__(self, state: PartitionState, table: SeriesTable, limits: WindowLimits) -> None:
        self._state = state
        self._table = table
        self._limits = limits
        self._index = TableIndex(state, table)

    def take(self, chunk: DecodedChunk, outputs: Outputs, *, keyed: bool) -> ForeignRecords:
        """Fold what of a chunk belongs here; `keyed` tells that its records were forwarded.

        Returns the records that belong elsewhere too; of forwarded ones, which go to each
        partition they have metrics of, those of which nothing belongs here.
        """
        homes = self._table.home_of.values[chunk.series]
        is_own = homes == self._state.home
        own = np.arange(len(homes)) if is_own.all() else np.flatnonzero(is_own)
        self._note_speakers(chunk, keyed=keyed)
        first = 0
        for position, mark in chunk.marks if keyed else ():
            upto = int(np.searchsorted(chunk.record[own], position))
            self._fold(chunk, own[first:upto], outputs, keyed=keyed)
            apply_mark(self._state, Mark(*mark), self._limits, outputs)
            first = upto
        self._fold(chunk, own[first:], outputs, keyed=keyed)
        if not keyed and len(chunk.records):
            home, last = self._state.home, int(chunk.records[-1].offset)
            known = self._state.replay_until.get(home, -1)
            self._state.replay_until[home] = max(known, last)
        foreign = np.flatnonzero(~is_own)
        if keyed and len(foreign):
            foreign = foreign[~np.isin(chunk.record[foreign], chunk.record[own])]
        return _foreign(chunk, homes, foreign)

    def _note_speakers(self, chunk: DecodedChunk, *, keyed: bool) -> None:
        if keyed:
            spoken = {*chunk.positions.partitions.tolist()}
            spoken.update(mark[0] for _, mark in chunk.marks)
            self._state.spoken |= spoken
            self._state.silent -= spoken

    def _fold(self, chunk: DecodedChunk, own: Ints, outputs: Outputs, *, keyed: bool) -> None:
        for part in self._within_memory(chunk, own):
            self._fold_part(chunk, part, outputs, keyed=keyed)

    def _within_memory(self, chunk: DecodedChunk, own: Ints) -> Iterator[Ints]:
        """Rows in runs so short that no service of one can be forgotten before its end."""
        longest_s = self._limits.forget_service_s
        while len(own):
            append_s = chunk.positions.append_s[chunk.record[own]]
            if append_s.max() - append_s.min() <= longest_s:
                yield own
                return
            reach_s = np.maximum.accumulate(append_s) - np.minimum.accumulate(append_s)
            first = int(np.argmax(reach_s > longest_s))
            yield own[:first]
            own = own[first:]

    def _fold_part(self, chunk: DecodedChunk, own: Ints, outputs: Outputs, *, keyed: bool) -> None:
        state, record = self._state, chunk.record[own]
        rows = self._index.rows(chunk, own, self._limits, outputs)
        first = int(chunk.positions.offsets[record[0]])
        if keyed or first <= state.replay_until.get(state.home, -1):
            keep = fresh(state, rows, record)
            if keep is not None:
                replayed = record[~keep]
                outputs.replayed += len(group_starts(replayed))
                rows = rows.only_with_ids(keep)
        waiting = rows.waiting()
        fold(state, rows, self._table.ids, self._limits, outputs)
        if len(waiting) or state.forgotten:
            self._index.learn(waiting)

    def tick(self, now_s: float, outputs: Outputs) -> None:
        """Move T to the wall clock; only for a partition that has been read to its end."""
        tick(self._state, now_s, self._limits, outputs)

    def release(self, numbers: list[tuple[ServiceWindows, int]]) -> None:
        """Free numbers that were `releasable` when what is now safe was stored."""
        self._index.released(release(self._state, numbers))

    def settle(self, outputs: Outputs) -> None:
        """Turn gathered corrections into outputs."""
        flush(self._state)
        for service in self._state.services.values():
            if service.corrections:
                correct(self._state, service, outputs, service.watermark_s)


def _foreign(chunk: DecodedChunk, homes: Ints, rows: Ints) -> ForeignRecords:
    """The records of these rows in log order, once for each partition they belong to."""
    record, homes = chunk.record[rows], homes[rows]
    if not len(rows):
        return ForeignRecords(record, homes, record)
    pairs = record * (int(homes.max()) + 1) + homes
    firsts = group_starts(pairs)
    if (record[firsts[1:]] == record[firsts[:-1]]).any():  # of services of several partitions
        firsts = np.unique(pairs, return_index=True)[1]
    return ForeignRecords(record[firsts], homes[firsts], chunk.series[rows[firsts]])
