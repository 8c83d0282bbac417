"""Rows of one service as its watermark passes minutes, or that are late or stored. Pure."""

from __future__ import annotations

import math

import numpy as np

from liveops.windows.buckets import Floats, distinct
from liveops.windows.closing import move_watermark
from liveops.windows.staging import SERIES_MASK, add_rows
from liveops.windows.state import (
    LARGEST_S,
    MINUTE_S,
    NEVER_S,
    Arrivals,
    Limits,
    Outputs,
    PartitionState,
    ServiceState,
)


class Path:
    """Rows of one service, with its event time and watermark before and after each.

    `marks_s` has two entries a row: W before it is applied, and after. `crossings` are
    the steps at which W passes a minute. Rows that are `in_time` close no window that
    another of them belongs to, nor can one of them be stored already.
    """

    def __init__(
        self,
        service: ServiceState,
        rows: Arrivals,
        clocks: dict[int, float],
        running_s: Floats,
        limits: Limits,
    ) -> None:
        self.service, self.rows = service, rows
        count, time_s = len(rows.series), _times_at(service, rows, clocks, running_s)
        start_e, start_a = service.event_max_s, service.event_append_s
        self._newest_s = np.maximum.accumulate(np.maximum(rows.times_s, start_e))
        before = np.concatenate([[start_e], self._newest_s[:-1]])
        latest = np.maximum.accumulate(np.where(self._newest_s > before, np.arange(count), -1))
        self._append_s = np.where(latest >= 0, rows.append_s[latest], start_a)
        append_before = np.concatenate([[start_a], self._append_s[:-1]])
        marks = np.empty(2 * count)
        marks[0::2] = np.minimum(time_s, before + time_s - append_before)
        marks[1::2] = np.minimum(time_s, self._newest_s + time_s - self._append_s)
        marks = np.maximum(marks - limits.lateness_s, service.watermark_s)
        self.marks_s = np.maximum.accumulate(marks)
        self.before_s = self.marks_s[0::2]
        minutes = np.floor(self.marks_s / MINUTE_S)
        now = math.floor(service.watermark_s / MINUTE_S) if service.watermark_s > 0 else NEVER_S
        passed = minutes > np.concatenate([[now], minutes[:-1]])
        self.crossings: list[int] = np.flatnonzero(passed).tolist()
        in_time = np.floor(rows.times_s / MINUTE_S) >= minutes[0::2]
        self.in_time = not service.floors and bool(in_time.all())

    def leave(self, count: int) -> None:
        """Set the service's event time as after `count` rows."""
        if count:
            self.service.event_max_s = float(self._newest_s[count - 1])
            self.service.event_append_s = float(self._append_s[count - 1])


def follow(partition: PartitionState, path: Path, limits: Limits, outputs: Outputs) -> None:
    """Move the service's watermark along its path, closing what it passes.

    Rows in time are in their minutes already. Of others those between two passed minutes
    make a run, within which the order does not matter, and each run is applied first.
    """
    first, count = 0, len(path.rows.series)
    for step in path.crossings:
        upto = (step + 1) // 2
        if not path.in_time:
            _take_run(partition, path, slice(first, upto), limits, outputs)
        path.leave(upto)
        move_watermark(partition, path.service, float(path.marks_s[step]), limits, outputs)
        first = upto
    if not path.in_time:
        _take_run(partition, path, slice(first, count), limits, outputs)
    path.leave(count)
    move_watermark(partition, path.service, float(path.marks_s[-1]), limits, outputs)


def _times_at(
    service: ServiceState, rows: Arrivals, clocks: dict[int, float], running_s: Floats
) -> Floats:
    """T at each row: of the service's origins the one that is furthest behind."""
    time_s = np.full(len(running_s), np.inf)
    for origin in service.offsets:
        own = np.where(rows.origins == origin, running_s, clocks.get(origin, 0.0))
        np.minimum(time_s, np.maximum.accumulate(own), out=time_s)
    return time_s


def _take_run(
    partition: PartitionState, path: Path, run: slice, limits: Limits, outputs: Outputs
) -> None:
    """Decide about rows: in time, late, too late for the stream, or stored already."""
    service, rows, before_s = path.service, path.rows, path.before_s
    times_s = rows.times_s[run]
    if not len(times_s):
        return
    starts = (times_s // MINUTE_S).astype(np.int64) * MINUTE_S
    ends = starts // LARGEST_S * LARGEST_S + LARGEST_S + limits.allowed_lateness_s
    too_late = ends <= before_s[run]
    late = (starts + MINUTE_S <= before_s[run]) & ~too_late
    taken = ~too_late
    positions = np.arange(run.start, run.stop)
    for at in np.flatnonzero(too_late).tolist():
        _note_dirty(service, rows, int(positions[at]), int(starts[at]), outputs)
    if service.floors:
        for at in np.flatnonzero(taken).tolist():
            if _is_stored(service, rows, int(positions[at]), int(starts[at])):
                taken[at] = False
                outputs.replayed += 1
                # A minute that closed since the recovery was given out with the row in it.
                late[at] &= starts[at] + MINUTE_S <= service.loaded_s
    for at in np.flatnonzero(late).tolist():
        number = int(rows.series[positions[at]]) & SERIES_MASK
        service.corrections.setdefault(int(starts[at]), set()).add(number)
    outputs.corrected += int(late.sum())
    outputs.folded += int(taken.sum())
    for start in distinct(starts[taken]) if taken.any() else []:
        chosen = positions[taken & (starts == start)]
        series, values = rows.series[chosen], rows.values[chosen]
        add_rows(partition, service, start, series, values, rows.append_s[chosen])


def _note_dirty(
    service: ServiceState, rows: Arrivals, row: int, start: int, outputs: Outputs
) -> None:
    """Remember the minute, and up to where the archive must be to recompute it."""
    origins = outputs.dirty.setdefault(service.name, {}).setdefault(start, {})
    origin, offset = int(rows.origins[row]), int(rows.offsets[row])
    origins[origin] = max(offset, origins.get(origin, -1))
    outputs.too_late += 1


def _is_stored(service: ServiceState, rows: Arrivals, row: int, start: int) -> bool:
    """Whether a stored part of the minute, newer than the header, holds the row already."""
    number = int(rows.series[row]) & SERIES_MASK
    for (low, high), offsets in service.floors.get(start, {}).items():
        if low <= number < high:
            return int(rows.offsets[row]) <= offsets.get(int(rows.origins[row]), -1)
    return False
