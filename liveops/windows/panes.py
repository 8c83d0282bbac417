"""Panes, the minutes of a service in memory, and the larger windows rolled up from them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from liveops.windows.block import Block
from liveops.windows.buckets import Ints
from liveops.windows.state import MINUTE_S, PartitionState, ServiceWindows


def minute_block(partition: PartitionState, service: ServiceWindows, start: int) -> Block:
    """The minute in memory: read from storage or made on first use."""
    block = service.minutes.get(start)
    if block is None:
        block = partition.load(service, start) if start in service.kept else Block()
        service.minutes[start] = block
        service.kept.add(start)
    return block


def closed_rollup(
    partition: PartitionState, service: ServiceWindows, size: int, start: int, upto: int
) -> Block:
    """Merged closed minutes of a window, those before `upto`."""
    rollup = service.rollups.get((size, start))
    if rollup is None:
        rollup = service.rollups[(size, start)] = Block()
        for minute in range(start, upto, MINUTE_S):
            if minute in service.kept:
                rollup.merge(minute_block(partition, service, minute))
    return rollup


def merged(parts: Iterable[Block], series: Ints) -> Block:
    """Some series of several minutes as one."""
    whole = Block()
    for part in parts:
        whole.merge(part, part.those_of(series))
    return whole
