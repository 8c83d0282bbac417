"""Minutes of a service in memory, and the larger windows made of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from liveops.windows.block import Block
from liveops.windows.buckets import Ints
from liveops.windows.state import MINUTE_S, PartitionState, ServiceState


def minute_block(partition: PartitionState, service: ServiceState, start: int) -> Block:
    """The minute in memory: read from storage or made on first use."""
    block = service.minutes.get(start)
    if block is None:
        block = partition.load(service, start) if start in service.kept else Block()
        service.minutes[start] = block
        service.kept.add(start)
    return block


def closed_base(
    partition: PartitionState, service: ServiceState, size: int, start: int, upto: int
) -> Block:
    """Merged closed minutes of a window, those before `upto`."""
    base = service.bases.get((size, start))
    if base is None:
        base = service.bases[(size, start)] = Block()
        for minute in range(start, upto, MINUTE_S):
            if minute in service.kept:
                base.merge(minute_block(partition, service, minute))
    return base


def merged(parts: Iterable[Block], series: Ints) -> Block:
    """Some series of several minutes as one."""
    whole = Block()
    for part in parts:
        whole.merge(part, part.those_of(series))
    return whole
