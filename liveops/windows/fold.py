"""The fold: metrics in, windows out. Pure; the log alone decides.

Tumbling windows of 1, 5 and 15 minutes aligned to the Unix epoch; a value at t belongs
to `start ≤ t < start + size`. Rows whose order cannot matter are only staged and added
to their minutes many at a time, before windows close; a service that gets late values is
folded run by run (liveops/windows/ordered.py).
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from liveops.windows.buckets import Floats, Ints, argsort_small, distinct, group_starts
from liveops.windows.closing import advance, watermark
from liveops.windows.emission import emit_when_due
from liveops.windows.ordered import Path, follow
from liveops.windows.staging import flush
from liveops.windows.state import (
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
    passing: list[Path] = []
    for at, (low, high) in enumerate(pairwise(edges)):
        chosen = order[low:high]
        service = partition.by_number[int(services[chosen[0]])]
        _remember_offsets(service, rows, chosen)
        service.dirty = True
        if _is_quiet(partition, service, rows, chosen, newest[at], oldest[at], limits):
            _progress(partition, service, rows, chosen, newest[at], limits)
            continue
        path = Path(service, rows.only(chosen), before, running_s[chosen], limits)
        passing.append(path)
        staged[chosen] = path.in_time
    count = int(staged.sum())
    if count:
        outputs.folded += count
        partition.staged.append(rows if count == len(staged) else rows.only(staged))
    if passing:
        flush(partition)
    for path in passing:
        follow(partition, path, limits, outputs)


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
