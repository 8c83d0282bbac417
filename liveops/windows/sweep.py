"""Admitting and forgetting the series of a slice, row by row where it matters. Pure.

Most slices name only series that are in the count and let none leave: they are not looked at.
Else what admits (a row of a series that waits) and what forgets (a watermark that passes a
minute) is done in the order of the log.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import heapify, heappop, heappush

import numpy as np

from liveops.windows.admission import admit, counted_kind, leave, stale_before, stale_series
from liveops.windows.buckets import Ints, argsort_small, group_starts
from liveops.windows.rows import REFUSED, SERIES_BITS, SERIES_MASK, WAITING, Rows
from liveops.windows.state import (
    LARGEST_S,
    MINUTE_S,
    Outputs,
    PartitionState,
    ServiceWindows,
    WindowLimits,
)
from liveops.windows.watermark import WatermarkPath
from schema.series import SeriesId

#: (row, 0 before it is applied, 1 while it is, 2 afterwards; step of the path, its service)
Event = tuple[int, int, int, int]
_BEFORE, _ADMIT, _AFTER = range(3)
_NO_ROWS = np.empty(0, np.int64)


class Sweep:
    """One slice's admissions; `series` are the decoder's, by number."""

    def __init__(
        self, partition: PartitionState, rows: Rows, paths: Sequence[WatermarkPath],
        series: Sequence[SeriesId], limits: WindowLimits, outputs: Outputs,
    ) -> None:  # fmt: skip
        self._partition, self._rows, self._series = partition, rows, series
        self._limits, self._outputs = limits, outputs
        self._paths = {path.service.number: path for path in paths}
        self._suspend_dormant()
        self._waiting = np.flatnonzero((rows.series & SERIES_MASK) == WAITING)
        #: By number in the decoder's table: rows that wait for their series.
        self._lines: dict[int, Ints] = {}

    def _suspend_dormant(self) -> None:
        """Rows of series that have left the count wait as those of new ones do."""
        if not self._partition.dormant:
            return
        left = [
            service.number << SERIES_BITS | number
            for service in self._partition.services.values()
            for number in service.dormant
        ]
        is_left = np.isin(self._rows.series, left)
        self._rows.series[is_left] |= WAITING

    def is_needed(self) -> bool:
        """Whether a series waits, or one in the count may leave it."""
        return len(self._waiting) > 0 or any(
            path.crossings and stale_series(path.service, float(path.marks_s[-1]))
            for path in self._paths.values()
        )

    def run(self) -> None:
        """Give every waiting row a number; rows too late for the stream need none.

        All rows accepted before must be in their minutes.
        """
        events: list[Event] = []
        for path in self._paths.values():
            events += [
                (int(path.chosen[step // 2]), _AFTER if step % 2 else _BEFORE, step,
                 path.service.number)
                for step in path.crossings
            ]  # fmt: skip
        heapify(events)
        self._line_up(self._waiting, events)
        while events:
            row, kind, step, service = heappop(events)
            if kind == _ADMIT:
                self._admit_first(row, events)
            else:
                begin = row + (kind == _AFTER)
                self._line_up(self._forget(self._paths[service], begin, step), events)

    def _line_up(self, waiting: Ints, events: list[Event]) -> None:
        """Let the first waiting row of each series ask for all."""
        if not len(waiting):
            return
        numbers = self._rows.table_numbers[waiting]
        order = argsort_small(numbers)
        for line in np.split(waiting[order], group_starts(numbers[order])[1:]):
            self._lines[int(self._rows.table_numbers[line[0]])] = line
            heappush(events, (int(line[0]), _ADMIT, 0, 0))

    def _admit_first(self, row: int, events: list[Event]) -> None:
        """Admit the row's series for all its rows; one that is not in the count asks for each."""
        table_number = int(self._rows.table_numbers[row])
        line = self._lines[table_number]
        if self._admit(row):
            self._rows.series[line] = self._rows.series[row]
        elif len(line) > 1:
            self._lines[table_number] = line[1:]
            heappush(events, (int(line[1]), _ADMIT, 0, 0))

    def _admit(self, row: int) -> bool:
        """Give the row a number; whether its series is in the count now."""
        rows, time_s = self._rows, float(self._rows.times_s[row])
        service = self._partition.by_number[int(rows.series[row]) >> SERIES_BITS]
        path = self._paths.get(service.number)
        series = self._series[int(rows.table_numbers[row])]
        if series.service_name != service.name:  # of a service beyond the limit
            series = series._replace(service_name=service.name)
        if path is not None and _is_too_late(path, row, time_s, self._limits):
            number = service.numbers.get(series, WAITING)  # a counter's last sample it may be
            rows.series[row] = service.number << SERIES_BITS | number
            return False
        minute_s = math.floor(time_s / MINUTE_S) * MINUTE_S
        number = admit(
            self._partition, service, series, minute_s, self._limits, self._outputs,
            was_full=_was_applied(service, rows, row, minute_s),
        )  # fmt: skip
        rows.series[row] = service.number << SERIES_BITS | number
        if number == REFUSED:
            place = int(rows.origins[row]), int(rows.offsets[row]), int(rows.table_numbers[row])
            self._outputs.refused[place] = counted_kind(service, series) or ""
        return service.numbers.get(series) == number

    def _forget(self, path: WatermarkPath, begin: int, step: int) -> Ints:
        """Let the series leave whose hour is over; their rows from `begin` on, which wait now."""
        service, watermark_s = path.service, float(path.marks_s[step])
        stale = stale_series(service, watermark_s)
        if not stale:
            return _NO_ROWS
        rows = self._rows
        earlier = path.chosen[path.chosen < begin]
        fresh_s = stale_before(watermark_s) + MINUTE_S
        back = earlier[rows.times_s[earlier] >= fresh_s]
        seen = {*(rows.series[back] & SERIES_MASK).tolist()}
        leaving = [number for number in stale if number not in seen]
        leave(self._partition, service, leaving)
        later = path.chosen[path.chosen >= begin]
        packed = [service.number << SERIES_BITS | number for number in leaving]
        waiting = later[np.isin(rows.series[later], packed)]
        rows.series[waiting] |= WAITING
        return waiting


def _was_applied(service: ServiceWindows, rows: Rows, row: int, minute_s: int) -> bool:
    """Whether a torn checkpoint holds the row: it knows every series admitted before it."""
    origin, offset = int(rows.origins[row]), int(rows.offsets[row])
    return any(
        offset <= offsets.get(origin, -1)
        for offsets in service.replay_floors.get(minute_s, {}).values()
    )


def _is_too_late(path: WatermarkPath, row: int, time_s: float, limits: WindowLimits) -> bool:
    (at,) = np.searchsorted(path.chosen, [row])
    end_s = math.floor(time_s / LARGEST_S) * LARGEST_S + LARGEST_S
    return bool(end_s + limits.allowed_lateness_s <= path.before_s[at])
