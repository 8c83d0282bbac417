"""Rows that are late, or stored already, as their service's watermark passes minutes. Pure."""

from __future__ import annotations

import numpy as np

from liveops.windows.buckets import Ints, distinct
from liveops.windows.closing import move_watermark
from liveops.windows.counters import COUNTER
from liveops.windows.increase import correct_followers, note_too_late
from liveops.windows.minute_rows import add_rows, first_of_their_time, rows_of_minute
from liveops.windows.rows import REFUSED, SERIES_MASK, Rows
from liveops.windows.samples import Bools
from liveops.windows.state import (
    LARGEST_S,
    MINUTE_S,
    Outputs,
    PartitionState,
    ServiceWindows,
    WindowLimits,
)
from liveops.windows.watermark import WatermarkPath


def follow(
    partition: PartitionState, path: WatermarkPath, limits: WindowLimits, outputs: Outputs
) -> None:
    """Move the service's watermark along its path, closing what it passes.

    Rows in time are in their minutes already. Of others those between two passed minutes
    make a run, within which the order does not matter, and each run is applied first.
    """
    first, count = 0, len(path.chosen)
    rows = None if path.in_time else path.rows()
    for step in path.crossings:
        upto = (step + 1) // 2
        if rows is not None:
            _take_run(partition, path, rows, slice(first, upto), limits, outputs)
        path.leave(upto)
        move_watermark(partition, path.service, float(path.marks_s[step]), limits, outputs)
        first = upto
    if rows is not None:
        _take_run(partition, path, rows, slice(first, count), limits, outputs)
    path.leave(count)
    move_watermark(partition, path.service, float(path.marks_s[-1]), limits, outputs)


def _take_run(
    partition: PartitionState, path: WatermarkPath, rows: Rows, run: slice,
    limits: WindowLimits, outputs: Outputs,
) -> None:  # fmt: skip
    """Decide about rows: in time, late, too late for the stream, or stored already."""
    service, before_s = path.service, path.before_s
    times_s = rows.times_s[run]
    if not len(times_s):
        return
    starts = (times_s // MINUTE_S).astype(np.int64) * MINUTE_S
    ends = starts // LARGEST_S * LARGEST_S + LARGEST_S + limits.allowed_lateness_s
    too_late = ends <= before_s[run]
    late = (starts + MINUTE_S <= before_s[run]) & ~too_late
    taken = ~too_late
    if outputs.refused:
        taken &= (rows.series[run] & SERIES_MASK) != REFUSED
        late &= taken
    positions = np.arange(run.start, run.stop)
    for at in np.flatnonzero(too_late).tolist():
        _note_recompute(partition, service, rows, int(positions[at]), int(starts[at]), outputs)
    if too_late.any() and service.has_kinds:
        oldest_s = service.watermark_s - limits.allowed_lateness_s
        outputs.horizons[service.name] = int(oldest_s // LARGEST_S) * LARGEST_S
    if service.replay_floors:
        for at in np.flatnonzero(taken).tolist():
            if _is_stored(service, rows, int(positions[at]), int(starts[at])):
                taken[at] = False
                # A minute that closed since the recovery was given out with the row in it.
                late[at] &= starts[at] + MINUTE_S <= service.loaded_s
                outputs.replayed += 1
                if late[at] and service.has_kinds:
                    _correct_followers(partition, service, rows, int(positions[at]), starts[at])
    _add(partition, service, rows, positions, starts, taken, late)
    for at in np.flatnonzero(late).tolist():
        number = int(rows.series[positions[at]]) & SERIES_MASK
        service.corrections.setdefault(int(starts[at]), set()).add(number)
    outputs.corrected += int(late.sum())
    outputs.folded += int(taken.sum())


def _add(
    partition: PartitionState, service: ServiceWindows, rows: Rows, positions: Ints, starts: Ints,
    taken: Bools, late: Bools,
) -> None:  # fmt: skip
    """Add the rows to be taken; what repeats another is neither taken nor late any more."""
    for start in distinct(starts[taken]) if taken.any() else []:
        chosen = np.flatnonzero(taken & (starts == start))
        minute_rows = rows_of_minute(rows, positions[chosen])
        kept = first_of_their_time(partition, service, start, minute_rows)
        if kept is not None:
            taken[chosen[~kept]] = late[chosen[~kept]] = False
            minute_rows = minute_rows.only(kept)
        add_rows(partition, service, start, minute_rows)


def _correct_followers(
    partition: PartitionState, service: ServiceWindows, rows: Rows, row: int, start: int
) -> None:
    """What follows a counter's sample that is stored already may have been given out without."""
    number = int(rows.series[row]) & SERIES_MASK
    if service.kinds[number] == COUNTER:
        correct_followers(partition, service, int(start), np.array([number]))


def _note_recompute(
    partition: PartitionState, service: ServiceWindows, rows: Rows, row: int, start: int,
    outputs: Outputs,
) -> None:  # fmt: skip
    """Remember the minute, and up to where the archive must be to recompute it."""
    number = int(rows.series[row]) & SERIES_MASK
    if number < REFUSED and service.has_kinds and service.kinds[number] == COUNTER:
        time_s, value = float(rows.times_s[row]), float(rows.values[row])
        note_too_late(partition, service, number, time_s, value)
    origins = outputs.recompute.setdefault(service.name, {}).setdefault(start, {})
    origin, offset = int(rows.origins[row]), int(rows.offsets[row])
    origins[origin] = max(offset, origins.get(origin, -1))
    outputs.too_late += 1


def _is_stored(service: ServiceWindows, rows: Rows, row: int, start: int) -> bool:
    """Whether a stored part of the minute, newer than the header, holds the row already."""
    number = int(rows.series[row]) & SERIES_MASK
    for (low, high), offsets in service.replay_floors.get(start, {}).items():
        if low <= number < high:
            return int(rows.offsets[row]) <= offsets.get(int(rows.origins[row]), -1)
    return False
