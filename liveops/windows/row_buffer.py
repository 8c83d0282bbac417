"""Rows in time wait here and are added to their minutes many at a time. Pure."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from liveops.windows.admission import note_seen
from liveops.windows.buckets import Floats, Ints, group_starts
from liveops.windows.panes import minute_block
from liveops.windows.rows import SERIES_BITS, SERIES_MASK
from liveops.windows.state import MINUTE_S, SIZES, PartitionState, ServiceWindows


def flush(partition: PartitionState) -> None:
    """Add the waiting rows to their minutes."""
    waiting, partition.buffer = partition.buffer, []
    if not waiting:
        return
    series = np.concatenate([rows.series for rows in waiting])
    times_s = np.concatenate([rows.times_s for rows in waiting])
    values = np.concatenate([rows.values for rows in waiting])
    append_s = np.concatenate([rows.append_s for rows in waiting])
    groups = (series >> SERIES_BITS << 32) | (times_s // MINUTE_S).astype(np.int64)
    order = groups.argsort(kind="stable")
    groups = groups[order]
    edges = [*group_starts(groups).tolist(), len(groups)]
    for low, high in pairwise(edges):
        service = partition.by_number[int(groups[low]) >> 32]
        start = (int(groups[low]) & 0xFFFFFFFF) * MINUTE_S
        chosen = order[low:high]
        add_rows(partition, service, start, series[chosen], values[chosen], append_s[chosen])


def add_rows(
    partition: PartitionState,
    service: ServiceWindows,
    start: int,
    series: Ints,
    values: Floats,
    append_s: Floats,
) -> None:
    """Add rows to a minute, and to the open larger windows when it is closed already."""
    numbers = series & SERIES_MASK
    note_seen(
        service, minute_block(partition, service, start).add(numbers, values, append_s), start
    )
    if start + MINUTE_S <= service.watermark_s:
        for _, size in SIZES[1:]:
            rollup = service.rollups.get((size, start // size * size))
            if rollup is not None:
                rollup.add(numbers, values, append_s)
