"""The fold: metrics in, windows out. Pure; the log alone decides.

Tumbling windows of 1, 5 and 15 minutes aligned to the Unix epoch; a value at t belongs to
`start ≤ t < start + size`. A chunk goes through these stages, each a module beside this one:

    identify     the decoder's series become those of the windows; services are admitted
    replay       what was applied before is skipped
    watermark    event time and watermark of each service along its rows
    sweep        series are admitted, and forgotten
    row_buffer   rows in time wait, to be added to their minutes many at a time
    late_rows    rows out of time correct what was given out, or are recomputed later
    closing      windows whose end the watermark has passed are given out
    emission     so are, each interval, those that are still open
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from liveops.windows.admission import leave, stale_series
from liveops.windows.closing import move_watermark
from liveops.windows.emission import emit_awakened, emit_when_due
from liveops.windows.late_rows import follow
from liveops.windows.replay import without_repeated_ids
from liveops.windows.row_buffer import flush
from liveops.windows.rows import REFUSED, SERIES_MASK, Mark, Rows
from liveops.windows.state import (
    NEVER_S,
    SILENT_READER_S,
    Outputs,
    PartitionState,
    ServiceWindows,
    WindowLimits,
)
from liveops.windows.sweep import Sweep
from liveops.windows.watermark import (
    SliceClocks,
    WatermarkPath,
    closes_nothing,
    note_origins,
    progress,
    runs_by_service,
    service_time_s,
    waits_for,
    watermark_at,
)
from schema.series import SeriesId


def fold(
    partition: PartitionState, rows: Rows, series: Sequence[SeriesId], limits: WindowLimits,
    outputs: Outputs,
) -> None:  # fmt: skip
    """Apply fresh rows in log order; open windows go out when their time has come.

    `series` are those of the decoder's table, for rows whose series are not in the count.
    """
    rows, repeated = without_repeated_ids(partition, rows)
    outputs.duplicates += repeated
    if not len(rows.series):
        return
    newest_s = np.maximum.accumulate(np.maximum(rows.append_s, partition.time_s()))
    ticks = np.floor(newest_s / limits.emit_interval_s)
    edges = [0, *(np.flatnonzero(np.diff(ticks)) + 1).tolist(), len(ticks)]
    for low, high in pairwise(edges):
        heard = _fold_slice(partition, rows.only(slice(low, high)), series, limits, outputs)
        emit_awakened(partition, heard, limits, outputs)
        emit_when_due(partition, limits, outputs)


def _fold_slice(
    partition: PartitionState, rows: Rows, series: Sequence[SeriesId], limits: WindowLimits,
    outputs: Outputs,
) -> list[ServiceWindows]:  # fmt: skip
    """Rows between two emissions: service by service, since services are independent.

    Returns the services they are of.
    """
    heard: list[ServiceWindows] = []
    clocks = SliceClocks(partition, rows)
    in_buffer = np.ones(len(rows.series), bool)
    paths: list[WatermarkPath] = []
    for run in runs_by_service(rows, clocks):
        service = partition.by_number[run.service]
        service.unstored = True
        heard.append(service)
        if closes_nothing(partition, service, run, limits):
            note_origins(service, rows, run, clocks)
            progress(partition, service, rows, run, limits)
            continue
        path = WatermarkPath(partition, service, rows, run.chosen, clocks, limits)
        note_origins(service, rows, run, clocks)
        paths.append(path)
        in_buffer[run.chosen] = path.in_time
    sweep = Sweep(partition, rows, paths, series, limits, outputs)
    if sweep.is_needed():
        flush(partition)
        sweep.run()
        in_buffer &= (rows.series & SERIES_MASK) != REFUSED
    _buffer(partition, rows, in_buffer, outputs)
    if paths:
        flush(partition)
    for path in paths:
        follow(partition, path, limits, outputs)
    return heard


def _buffer(
    partition: PartitionState, rows: Rows, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]],
    outputs: Outputs,
) -> None:  # fmt: skip
    count = int(chosen.sum())
    if count:
        outputs.folded += count
        partition.buffer.append(rows if count == len(chosen) else rows.only(chosen))


def tick(partition: PartitionState, now_s: float, limits: WindowLimits, outputs: Outputs) -> None:
    """Move the partition's own clock to the wall clock; only when it has been read to its end.

    The clocks of other origins move by what their readers say.
    """
    home = partition.home
    partition.clocks[home] = max(partition.clocks.get(home, 0.0), now_s)
    _note_silent_readers(partition, now_s, outputs)
    _advance_all(partition, limits, outputs)


def apply_mark(
    partition: PartitionState, mark: Mark, limits: WindowLimits, outputs: Outputs
) -> None:
    """Move an origin's clock to where its reader says it is."""
    if mark.time_s <= partition.clocks.get(mark.origin, 0.0):
        return
    partition.clocks[mark.origin] = mark.time_s
    _advance_all(partition, limits, outputs)


def _note_silent_readers(partition: PartitionState, now_s: float, outputs: Outputs) -> None:
    for origin in partition.clocks:
        if origin == partition.home:
            continue
        if origin in partition.spoken or origin not in partition.spoke_s:
            partition.spoke_s[origin] = now_s
        if partition.spoke_s[origin] + SILENT_READER_S < now_s and origin not in partition.silent:
            waiting = partition.services.values()
            outputs.silent_readers += any(waits_for(partition, s, origin) for s in waiting)
            partition.silent.add(origin)
    partition.spoken.clear()


def _advance_all(partition: PartitionState, limits: WindowLimits, outputs: Outputs) -> None:
    flush(partition)
    for service in partition.services.values():
        _advance(partition, service, limits, outputs)
    emit_when_due(partition, limits, outputs)


def _advance(
    partition: PartitionState, service: ServiceWindows, limits: WindowLimits, outputs: Outputs
) -> None:
    """Move the service's watermark, never backwards, and close what it passed."""
    if service.event_max_s == NEVER_S:
        return
    mark_s = watermark_at(service, service_time_s(partition, service), limits)
    if mark_s > service.watermark_s:
        leave(partition, service, stale_series(service, mark_s))
        move_watermark(partition, service, mark_s, limits, outputs)
