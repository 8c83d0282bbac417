"""Closing windows as the watermark passes them, and correcting closed ones. Pure."""

from __future__ import annotations

import math

import numpy as np

from liveops.windows.block import Block
from liveops.windows.buckets import Ints
from liveops.windows.minutes import closed_base, merged, minute_block
from liveops.windows.points import windows
from liveops.windows.series import forget_series
from liveops.windows.state import (
    LARGEST_S,
    MINUTE_S,
    NEVER_S,
    REMEMBER_IDS_S,
    SIZES,
    Limits,
    Outputs,
    PartitionState,
    ServiceState,
)


def watermark(service: ServiceState, clocks: dict[int, float], limits: Limits) -> float:
    """W = min(T, E + (T − A)) − lateness, in epoch seconds.

    E is the service's greatest event time, A the broker time of that record, T the
    greatest broker time read; of several origins the one that is furthest behind, so
    that a backlog closes nothing early. A silent service's clock runs on from its own
    last record; a clock ahead of the broker's closes nothing early.
    """
    time_s = min(clocks.get(origin, 0.0) for origin in service.offsets)
    ahead_s = service.event_max_s - service.event_append_s
    return min(time_s, time_s + ahead_s) - limits.lateness_s


def advance(
    partition: PartitionState,
    service: ServiceState,
    clocks: dict[int, float],
    limits: Limits,
    outputs: Outputs,
) -> None:
    """Move the service's watermark, never backwards, and close what it passed."""
    if service.event_max_s == NEVER_S:
        return
    mark_s = watermark(service, clocks, limits)
    if mark_s > service.watermark_s:
        move_watermark(partition, service, mark_s, limits, outputs)


def move_watermark(
    partition: PartitionState,
    service: ServiceState,
    mark_s: float,
    limits: Limits,
    outputs: Outputs,
) -> None:
    """Set the watermark, not before the present one, and close the windows it passed."""
    before_s, service.watermark_s = service.watermark_s, mark_s
    if before_s == NEVER_S or math.floor(mark_s / MINUTE_S) > math.floor(before_s / MINUTE_S):
        _close(partition, service, before_s, outputs)
        _forget(partition, service, limits)


def _close(
    partition: PartitionState, service: ServiceState, before_s: float, outputs: Outputs
) -> None:
    """Give out every window whose end the watermark passed since `before_s`."""
    service.dirty = True
    # What is late in a window that closes now is in it; only others need a correction.
    correct(partition, service, outputs, before_s)
    for start in sorted(service.kept):
        if before_s < start + MINUTE_S <= service.watermark_s:
            block = minute_block(partition, service, start)
            block.take_changed()
            _give_out(service, block, ("1m", MINUTE_S, start), block.series(), 0, outputs)
            for _, size in SIZES[1:]:
                closed_base(partition, service, size, start // size * size, start).merge(block)
    for name, size in SIZES[1:]:
        for start in sorted({minute // size * size for minute in service.kept}):
            if before_s < start + size <= service.watermark_s:
                base = closed_base(partition, service, size, start, start + size)
                del service.bases[(size, start)]
                _give_out(service, base, (name, size, start), base.series(), 0, outputs)


def _give_out(
    service: ServiceState,
    block: Block,
    window: tuple[str, int, int],
    series: Ints,
    revision: int,
    outputs: Outputs,
) -> None:
    if len(series):
        found = windows(service, block, window, series, window[1], revision=revision)
        if found.series:
            outputs.closed.append(found)


def correct(
    partition: PartitionState, service: ServiceState, outputs: Outputs, closed_s: float
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
        service.dirty = True


def _correct_window(
    partition: PartitionState,
    service: ServiceState,
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
        _give_out(service, whole, window, np.array(corrected), revision, outputs)


def _forget(partition: PartitionState, service: ServiceState, limits: Limits) -> None:
    """Drop minutes past the allowed lateness, old ids and series long unseen."""
    horizon_s = service.watermark_s - limits.allowed_lateness_s
    gone = [s for s in service.kept if s // LARGEST_S * LARGEST_S + LARGEST_S <= horizon_s]
    for start in gone:
        service.kept.discard(start)
        service.minutes.pop(start, None)
        service.floors.pop(start, None)
        service.dropped.add(start)
    service.seen.forget(partition.time_s() - REMEMBER_IDS_S)
    if forget_series(partition, service):
        partition.generation += 1
