"""Closing windows as the watermark passes them, and correcting closed ones. Pure."""

from __future__ import annotations

import math

import numpy as np

from liveops.windows.block import Block
from liveops.windows.buckets import Ints
from liveops.windows.increase import drop_minute, falls_in, increases, pass_minutes
from liveops.windows.panes import closed_rollup, merged, minute_block
from liveops.windows.points import windows
from liveops.windows.state import (
    LARGEST_S,
    MINUTE_S,
    NEVER_S,
    REMEMBER_IDS_S,
    SIZES,
    Outputs,
    PartitionState,
    ServiceWindows,
    WindowLimits,
)

#: So often a counter that one program sends does not begin anew within a minute.
MANY_RESETS = 3


def move_watermark(
    partition: PartitionState,
    service: ServiceWindows,
    mark_s: float,
    limits: WindowLimits,
    outputs: Outputs,
) -> None:
    """Set the watermark, not before the present one, and close the windows it passed."""
    before_s, service.watermark_s = service.watermark_s, mark_s
    if before_s == NEVER_S or math.floor(mark_s / MINUTE_S) > math.floor(before_s / MINUTE_S):
        _close(partition, service, before_s, outputs)
        if service.has_kinds:
            pass_minutes(partition, service)
        _forget(partition, service, limits, outputs)


def _close(
    partition: PartitionState, service: ServiceWindows, before_s: float, outputs: Outputs
) -> None:
    """Give out every window whose end the watermark passed since `before_s`."""
    service.unstored = True
    # What is late in a window that closes now is in it; only others need a correction.
    correct(partition, service, outputs, before_s)
    for start in sorted(service.kept):
        if before_s < start + MINUTE_S <= service.watermark_s:
            block = minute_block(partition, service, start)
            block.take_changed()
            _give_out(
                partition, service, block, ("1m", MINUTE_S, start), block.series(), 0, outputs
            )
            _note_resets(partition, service, start, outputs)
            for _, size in SIZES[1:]:
                closed_rollup(partition, service, size, start // size * size, start).merge(block)
    for name, size in SIZES[1:]:
        for start in sorted({minute // size * size for minute in service.kept}):
            if before_s < start + size <= service.watermark_s:
                rollup = closed_rollup(partition, service, size, start, start + size)
                del service.rollups[(size, start)]
                window = (name, size, start)
                _give_out(partition, service, rollup, window, rollup.series(), 0, outputs)


def _note_resets(
    partition: PartitionState, service: ServiceWindows, start: int, outputs: Outputs
) -> None:
    """Count the falls of counters in a minute; many of one may mean that two send it."""
    for number, falls in falls_in(partition, service, start):
        outputs.resets += falls
        series = service.series[number]
        if falls >= MANY_RESETS and series is not None:
            outputs.many_resets.append((service.name, series.key, falls))


def _give_out(
    partition: PartitionState,
    service: ServiceWindows,
    block: Block,
    window: tuple[str, int, int],
    series: Ints,
    revision: int,
    outputs: Outputs,
) -> None:
    if len(series):
        _, size, start = window
        grown = increases(partition, service, block, size, start, series)
        found = windows(service, block, window, series, size, revision=revision, grown=grown)
        if found.series:
            outputs.closed.append(found)


def correct(
    partition: PartitionState, service: ServiceWindows, outputs: Outputs, closed_s: float
) -> None:
    """Give out the corrections gathered since the last call: once a window.

    Windows that ended by `closed_s` were given out before.
    """
    corrections, service.corrections = service.corrections, {}
    for name, size in SIZES:
        touched: dict[int, set[int]] = {}
        for minute, numbers in corrections.items():
            start = minute // size * size
            if start + size <= closed_s:
                touched.setdefault(start, set()).update(numbers)
        for start, numbers in sorted(touched.items()):
            _correct_window(partition, service, (name, size, start), numbers, outputs)
    if corrections:
        service.unstored = True


def _correct_window(
    partition: PartitionState,
    service: ServiceWindows,
    window: tuple[str, int, int],
    numbers: set[int],
    outputs: Outputs,
) -> None:
    _, size, start = window
    first = minute_block(partition, service, start)
    series = np.array(sorted(numbers))
    whole = first
    if size > MINUTE_S:
        minutes = [m for m in range(start, start + size, MINUTE_S) if m in service.kept]
        whole = merged([minute_block(partition, service, m) for m in minutes], series)
    by_revision: dict[int, list[int]] = {}
    for number in whole.those_of(series).tolist():
        revision = first.revisions.get((size, number), 0) + 1
        first.revisions[(size, number)] = revision
        first.touch(number)
        by_revision.setdefault(revision, []).append(number)
    for revision, corrected in by_revision.items():
        _give_out(partition, service, whole, window, np.array(corrected), revision, outputs)


def _forget(
    partition: PartitionState, service: ServiceWindows, limits: WindowLimits, outputs: Outputs
) -> None:
    """Drop minutes past the allowed lateness, and old ids."""
    horizon_s = service.watermark_s - limits.allowed_lateness_s
    gone = [s for s in service.kept if s // LARGEST_S * LARGEST_S + LARGEST_S <= horizon_s]
    for start in sorted(gone):
        if service.has_kinds and drop_minute(partition, service, start):
            outputs.crowded += 1
            outputs.recompute.setdefault(service.name, {})[start] = dict(service.offsets)
        service.kept.discard(start)
        service.minutes.pop(start, None)
        service.replay_floors.pop(start, None)
        service.dropped.add(start)
    if gone:
        _keep_last_minutes(service, gone)
    service.dedup.forget(partition.time_s() - REMEMBER_IDS_S)


def _keep_last_minutes(service: ServiceWindows, gone: list[int]) -> None:
    """Store when series were last seen whose newest minute is dropped: no minute tells it."""
    silent = np.flatnonzero(np.isin(service.last_minute, gone)).tolist()
    service.unstored_series.update(n for n in silent if service.series[n] is not None)
