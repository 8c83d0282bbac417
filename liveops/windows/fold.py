"""The fold: metrics in, windows out. Pure; the log alone decides.

Tumbling windows of 1, 5 and 15 minutes aligned to the Unix epoch; a value at t belongs
to `start ≤ t < start + size`. Rows whose order cannot matter are only staged and added
to their minutes many at a time; a service whose watermark passes a minute, or that gets
late values, is folded row by row.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from liveops.windows.buckets import Floats, Ints, argsort_small, distinct, group_starts
from liveops.windows.closing import advance, move_watermark, watermark
from liveops.windows.emission import emit_when_due
from liveops.windows.staging import SERIES_MASK, add_rows, flush
from liveops.windows.state import (
    LARGEST_S,
    MINUTE_S,
    NEVER_S,
    SERIES_BITS,
    Arrivals,
    Limits,
    Outputs,
    PartitionState,
    ServiceState,
)


def fold(partition: PartitionState, arrivals: Arrivals, limits: Limits, outputs: Outputs) -> None:
    """Apply metrics in log order; open windows go out when their time has come."""
    rows = _first_sights(partition, arrivals, outputs)
    if not len(rows.series):
        return
    newest_s = np.maximum.accumulate(np.maximum(rows.append_s, partition.time_s()))
    ticks = np.floor(newest_s / limits.emit_interval_s)
    edges = [0, *(np.flatnonzero(np.diff(ticks)) + 1).tolist(), len(ticks)]
    for low, high in pairwise(edges):
        _fold_slice(partition, rows.only(np.arange(low, high)), limits, outputs)
        emit_when_due(partition, limits, outputs)


def tick(partition: PartitionState, now_s: float, limits: Limits, outputs: Outputs) -> None:
    """Move T to the wall clock; only for a partition that has been read to its end."""
    for origin, clock_s in partition.clocks.items():
        partition.clocks[origin] = max(clock_s, now_s)
    flush(partition)
    for service in partition.by_number:
        advance(partition, service, partition.clocks, limits, outputs)
    emit_when_due(partition, limits, outputs)


def _first_sights(partition: PartitionState, arrivals: Arrivals, outputs: Outputs) -> Arrivals:
    """Without the metrics whose given id was seen before."""
    if not arrivals.ids:
        return arrivals
    keep = np.ones(len(arrivals.series), bool)
    for row, identity in sorted(arrivals.ids.items()):
        service = partition.by_number[int(arrivals.series[row]) >> SERIES_BITS]
        if not service.seen.first_sight(identity, float(arrivals.append_s[row])):
            keep[row] = False
    outputs.duplicates += int(len(keep) - keep.sum())
    return arrivals if keep.all() else arrivals.only(keep)


def _fold_slice(
    partition: PartitionState, rows: Arrivals, limits: Limits, outputs: Outputs
) -> None:
    """Rows between two emissions: service by service, since services are independent."""
    before = dict(partition.clocks)
    running_s = _move_clocks(partition, rows)
    services = rows.series >> SERIES_BITS
    order = argsort_small(services)
    starts = group_starts(services[order])
    times_s = rows.times_s[order]
    newest = np.maximum.reduceat(times_s, starts).tolist()
    oldest = np.minimum.reduceat(times_s, starts).tolist()
    edges = [*starts.tolist(), len(order)]
    staged = np.ones(len(order), bool)
    for at, (low, high) in enumerate(pairwise(edges)):
        chosen = order[low:high]
        service = partition.by_number[int(services[chosen[0]])]
        _remember_offsets(service, rows, chosen)
        service.dirty = True
        if _is_quiet(partition, service, rows, chosen, newest[at], oldest[at], limits):
            _progress(partition, service, rows, chosen, newest[at], limits)
        else:
            staged[chosen] = False
            mine, times_s = rows.only(chosen), running_s[chosen]
            _fold_in_order(partition, service, mine, before, times_s, limits, outputs)
    count = int(staged.sum())
    if count:
        outputs.folded += count
        partition.staged.append(rows if count == len(staged) else rows.only(staged))


def _move_clocks(partition: PartitionState, rows: Arrivals) -> Floats:
    """Take the rows' broker times into the clocks; returns T of each row's origin there."""
    running_s = np.empty(len(rows.append_s))
    for origin in distinct(rows.origins):
        mine = rows.origins == origin
        clock_s = partition.clocks.get(origin, 0.0)
        running_s[mine] = np.maximum.accumulate(np.maximum(rows.append_s[mine], clock_s))
        partition.clocks[origin] = float(running_s[mine][-1])
    return running_s


def _remember_offsets(service: ServiceState, rows: Arrivals, chosen: Ints) -> None:
    origins = rows.origins[chosen]
    for origin in distinct(origins):
        offset = int(rows.offsets[chosen[origins == origin]].max())
        service.offsets[origin] = max(offset, service.offsets.get(origin, -1))


def _is_quiet(
    partition: PartitionState,
    service: ServiceState,
    rows: Arrivals,
    chosen: Ints,
    newest_s: float,
    oldest_s: float,
    limits: Limits,
) -> bool:
    """Whether these rows, in any order, are in time and let no minute close."""
    if service.floors or service.watermark_s == NEVER_S:
        return False
    minute = math.floor(service.watermark_s / MINUTE_S)
    if oldest_s < minute * MINUTE_S:
        return False
    # The watermark cannot pass this within the rows, whichever of them is the newest.
    time_s = min(partition.clocks.get(origin, 0.0) for origin in service.offsets)
    ahead_s = max(
        service.event_max_s - service.event_append_s,
        max(newest_s, service.event_max_s) - float(rows.append_s[chosen].min()),
    )
    bound_s = min(time_s, time_s + ahead_s) - limits.lateness_s
    return math.floor(bound_s / MINUTE_S) <= minute


def _progress(
    partition: PartitionState,
    service: ServiceState,
    rows: Arrivals,
    chosen: Ints,
    newest_s: float,
    limits: Limits,
) -> None:
    """Event time and watermark after rows that close nothing."""
    if newest_s > service.event_max_s:
        first = chosen[np.argmax(rows.times_s[chosen])]
        service.event_max_s = newest_s
        service.event_append_s = float(rows.append_s[first])
    mark_s = watermark(service, partition.clocks, limits)
    service.watermark_s = max(service.watermark_s, mark_s)


def _fold_in_order(
    partition: PartitionState,
    service: ServiceState,
    rows: Arrivals,
    clocks: dict[int, float],
    running_s: Floats,
    limits: Limits,
    outputs: Outputs,
) -> None:
    """Rows of one service between which minutes may close, or that are late or stored.

    The watermark is looked at before and after each row; the rows between two passed
    minutes make a run, within which the order does not matter.
    """
    flush(partition)
    path = _Path(service, rows, _times_at(service, rows, clocks, running_s), limits)
    first = 0
    for step in path.crossings:
        upto = (step + 1) // 2
        _take_run(partition, service, rows, slice(first, upto), path.before_s, limits, outputs)
        path.leave(service, upto)
        move_watermark(partition, service, float(path.marks_s[step]), limits, outputs)
        first = upto
    count = len(rows.series)
    _take_run(partition, service, rows, slice(first, count), path.before_s, limits, outputs)
    path.leave(service, count)
    move_watermark(partition, service, float(path.marks_s[-1]), limits, outputs)


class _Path:
    """Event time and watermark before and after each of the rows.

    `marks_s` has two entries a row: W before it is applied, and after. `crossings` are
    the steps at which W passes a minute.
    """

    def __init__(
        self, service: ServiceState, rows: Arrivals, time_s: Floats, limits: Limits
    ) -> None:
        count = len(time_s)
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

    def leave(self, service: ServiceState, count: int) -> None:
        """Set the service's event time as after `count` rows."""
        if count:
            service.event_max_s = float(self._newest_s[count - 1])
            service.event_append_s = float(self._append_s[count - 1])


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
    partition: PartitionState,
    service: ServiceState,
    rows: Arrivals,
    run: slice,
    before_s: Floats,
    limits: Limits,
    outputs: Outputs,
) -> None:
    """Decide about rows: in time, late, too late for the stream, or stored already."""
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
    for start in np.unique(starts[taken]).tolist():
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
