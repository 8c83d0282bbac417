"""Giving out the windows that are still open. Pure.

Belongs to the fold: a changed window goes out when the broker's time in the log passes
a multiple of the interval. What a service sends after some seconds of silence goes out at
once: most services send a batch now and then, and need not wait for the next multiple.
"""

from __future__ import annotations

import math

import numpy as np

from liveops.windows import points
from liveops.windows.block import Block
from liveops.windows.buckets import Ints
from liveops.windows.increase import increases
from liveops.windows.panes import closed_rollup, merged, minute_block
from liveops.windows.row_buffer import flush
from liveops.windows.state import (
    MINUTE_S,
    SIZES,
    Outputs,
    PartitionState,
    ServiceWindows,
    WindowLimits,
)
from schema.windows import Windows

_STRETCHED_S = 1.0
#: Larger windows go out with every fourth emission only.
_LARGER_EVERY = 4
#: A service of which nothing was given out for so long is given out at once.
_SILENT_S = 2.0


def emit_when_due(partition: PartitionState, limits: WindowLimits, outputs: Outputs) -> None:
    """Give out changed open windows when T has passed a multiple of the interval."""
    now_s = partition.time_s()
    if not _passed(partition.emitted_s, now_s, _interval_s(partition, limits)):
        return
    flush(partition)
    changed = [(service, service.changed()) for service in partition.services.values()]
    # In the longer interval more series change.
    most = limits.stretch_above * (2 if partition.stretched else 1)
    many = partition.stretched = sum(count for _, count in changed) > most
    interval_s = _interval_s(partition, limits)
    if not _passed(partition.emitted_s, now_s, interval_s):
        return
    larger = _passed(partition.emitted_larger_s, now_s, interval_s * _LARGER_EVERY)
    partition.emitted_s = now_s
    if larger:
        partition.emitted_larger_s = now_s
    for service, count in changed:
        if count:
            service.shown_s = now_s
        if count or (larger and service.unshown):
            windows = _touched(service, SIZES if larger else SIZES[:1])
            found = _open_windows(partition, service, windows, now_s, sketches=not many)
            if found:
                outputs.open.append((service.name, service.watermark_s, found))


def emit_awakened(
    partition: PartitionState, services: list[ServiceWindows], limits: WindowLimits,
    outputs: Outputs,
) -> None:  # fmt: skip
    """Give out the changed minutes of those of `services` that were silent; few series only."""
    now_s = partition.time_s()
    awakened = [one for one in services if now_s - one.shown_s >= _SILENT_S]
    if not awakened or partition.stretched:
        return
    flush(partition)
    for service in awakened:
        if 0 < service.changed() <= limits.stretch_above:
            service.shown_s = now_s
            windows = _touched(service, SIZES[:1])
            found = _open_windows(partition, service, windows, now_s, sketches=True)
            if found:
                outputs.open.append((service.name, service.watermark_s, found))


def _interval_s(partition: PartitionState, limits: WindowLimits) -> float:
    shortest_s = _STRETCHED_S if partition.stretched else 0.0
    return max(shortest_s, limits.emit_interval_s)


def _passed(before_s: float, now_s: float, interval_s: float) -> bool:
    return math.floor(now_s / interval_s) > math.floor(before_s / interval_s)


def _touched(
    service: ServiceWindows, sizes: tuple[tuple[str, int], ...]
) -> dict[tuple[str, int, int], Ints]:
    """Windows of these sizes changed since they were last given out, with their series."""
    touched: dict[tuple[str, int, int], Ints] = {}
    for minute, block in service.minutes.items():
        numbers = block.take_changed()
        if len(numbers):
            touched[(*sizes[0], minute)] = numbers
            service.unshown[minute] = _union(service.unshown.get(minute), numbers)
    if len(sizes) > 1:
        for minute, numbers in service.unshown.items():
            for name, size in sizes[1:]:
                window = (name, size, minute // size * size)
                touched[window] = _union(touched.get(window), numbers)
        service.unshown = {}
    return touched


def _union(some: Ints | None, others: Ints) -> Ints:
    """The numbers of both, ascending as each of them is."""
    return others if some is None else np.union1d(some, others)


def _open_windows(
    partition: PartitionState,
    service: ServiceWindows,
    windows: dict[tuple[str, int, int], Ints],
    now_s: float,
    *,
    sketches: bool,
) -> list[Windows]:
    """Those windows that are open."""
    ahead_s = service.event_max_s - service.event_append_s
    event_now_s = min(now_s, now_s + ahead_s)
    found: list[Windows] = []
    for window, series in sorted(windows.items(), key=lambda item: item[0][1:]):
        _, size, start = window
        if start + size > service.watermark_s:
            whole = _so_far(partition, service, size, start, series)
            elapsed_s = event_now_s - start
            grown = increases(partition, service, whole, size, start, series)
            given = points.windows(
                service, whole, window, series, elapsed_s,
                final=False, sketches=sketches, grown=grown,
            )  # fmt: skip
            if given.series:
                found.append(given)
    return found


def _so_far(
    partition: PartitionState, service: ServiceWindows, size: int, start: int, series: Ints
) -> Block:
    """What a window holds until now of some series."""
    if size == MINUTE_S:
        return service.minutes[start]
    open_from = max(start, math.floor(service.watermark_s / MINUTE_S) * MINUTE_S)
    parts = [
        minute_block(partition, service, minute)
        for minute in sorted(service.kept)
        if open_from <= minute < start + size
    ]
    if open_from > start:
        parts.append(closed_rollup(partition, service, size, start, open_from))
    return parts[0] if len(parts) == 1 else merged(parts, series)
