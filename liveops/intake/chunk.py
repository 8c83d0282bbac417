"""What a chunk of records holds, decoded once for all who want it. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from liveops.intake.details import Details, nothing_told
from liveops.intake.faults import Fault
from liveops.intake.series_table import Ints, SeriesTable
from liveops.intake.source_position import SourcePositions
from schema.kinds import Histogram
from schema.metrics import MAX_FUTURE_S

Floats = npt.NDArray[np.float64]


class Columns(NamedTuple):
    """Series, value and time in epoch seconds of each metric."""

    series: Ints
    values: Floats
    times_s: Floats

    def only(self, chosen: Any) -> Columns:
        """Some metrics, by slice, mask or position."""
        return Columns(self.series[chosen], self.values[chosen], self.times_s[chosen])


def in_bounds(columns: Columns, append_s: Floats, max_age_s: float) -> Any:
    """Which have a finite value and a time that may be, seen from the broker's time of each."""
    good = np.isfinite(columns.values)
    good &= columns.times_s >= append_s - max_age_s
    good &= columns.times_s <= append_s + MAX_FUTURE_S
    return good


@dataclass(frozen=True, slots=True)
class DecodedChunk:
    """Good metrics as columns of one length in log order, and what was bad.

    `series` are numbers of the table; `record` is the position of each metric's record in
    `records`, `item` its position in that record. `ids` holds the ids given by clients, by
    row; `faults` the position of the record with what is wrong. `positions` and `records`
    tell of all records, good or bad. What belongs to kinds: a series of the table has its kind
    (`table.ids`), `details` are None where no metric says more, and of a histogram, by row in
    `histograms`, the value is the mean.
    """

    table: SeriesTable
    records: Sequence[Any]
    positions: SourcePositions
    series: Ints
    values: Floats
    times_s: Floats
    record: Ints
    item: Ints
    ids: dict[int, bytes] = field(default_factory=dict)
    faults: list[tuple[int, Fault]] = field(default_factory=list)
    tombstones: int = 0
    details: Details | None = None
    histograms: dict[int, Histogram] = field(default_factory=dict)
    #: Marks of readers by position of the record: partition, and broker time in epoch seconds.
    marks: list[tuple[int, tuple[int, float]]] = field(default_factory=list)


class ChunkBuilder:
    """A decoded chunk under construction."""

    def __init__(self, table: SeriesTable, positions: SourcePositions) -> None:
        self.table = table
        self.positions = positions
        self.ids: dict[int, bytes] = {}
        self.faults: list[tuple[int, Fault]] = []
        self.tombstones = 0
        self.marks: list[tuple[int, tuple[int, float]]] = []
        self.histograms: dict[int, Histogram] = {}
        #: What metrics say beside value and time, with the row of the first of them.
        self._details: list[tuple[int, Details]] = []
        self._series, self._record, self._item = array("q"), array("q"), array("q")
        self._values, self._times_s = array("d"), array("d")

    def __len__(self) -> int:
        return len(self._series)

    def add(self, series: int, value: float, time_s: float, record: int, item: int) -> None:
        """One more metric."""
        self._series.append(series)
        self._values.append(value)
        self._times_s.append(time_s)
        self._record.append(record)
        self._item.append(item)

    def tell(self, *, once: bool, start_s: float | None, histogram: Histogram | None) -> None:
        """What the metric added last says beside its value."""
        row = len(self) - 1
        if once or start_s is not None:
            told = Details(np.array([once]), np.array([start_s], np.float64))
            self._details.append((row, told))
        if histogram is not None:
            self.histograms[row] = histogram

    def extend(
        self, columns: Columns, record: Ints, item: Ints, ids: dict[int, bytes],
        details: Details | None = None,
    ) -> None:  # fmt: skip
        """Metrics of these records, given by position; where in each they are; ids by row."""
        if details is not None:
            self._details.append((len(self), details))
        if ids:
            first = len(self)
            self.ids.update((first + row, identity) for row, identity in ids.items())
        self._series.frombytes(columns.series.tobytes())
        self._values.frombytes(columns.values.tobytes())
        self._times_s.frombytes(columns.times_s.tobytes())
        self._record.frombytes(record.tobytes())
        self._item.frombytes(item.tobytes())

    def built(self, records: Sequence[Any]) -> DecodedChunk:
        """The chunk of these records, its metrics in log order."""
        columns: list[Any] = [
            np.array(self._series, np.int64),
            np.array(self._values, np.float64),
            np.array(self._times_s, np.float64),
            np.array(self._record, np.int64),
            np.array(self._item, np.int64),
        ]
        record, ids, histograms = columns[3], self.ids, self.histograms
        details = self._all_details()
        if (record[1:] < record[:-1]).any():  # some were read in columns, some one by one
            order = record.argsort(kind="stable")
            columns = [column[order] for column in columns]
            place = np.empty_like(order)
            place[order] = np.arange(len(order))
            ids = {int(place[row]): identity for row, identity in ids.items()}
            histograms = {int(place[row]): found for row, found in histograms.items()}
            details = details and details.only(order)
        self.faults.sort(key=itemgetter(0))
        series, values, times_s, record, item = columns
        return DecodedChunk(
            self.table, records, self.positions, series, values, times_s, record, item, ids,
            self.faults, self.tombstones, details, histograms, self.marks,
        )  # fmt: skip

    def _all_details(self) -> Details | None:
        """Those of all rows; None where none says anything."""
        if not self._details:
            return None
        found = nothing_told(len(self))
        for first, told in self._details:
            rows = slice(first, first + len(told.once))
            found.once[rows], found.starts_s[rows] = told
        return found


def only_ids(ids: dict[int, bytes], kept: npt.NDArray[np.bool_]) -> dict[int, bytes]:
    """The ids of the rows that are kept, by their new position."""
    if not ids:
        return ids
    place = np.cumsum(kept) - 1
    return {int(place[row]): identity for row, identity in ids.items() if kept[row]}
