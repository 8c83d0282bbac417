"""Adding rows to their minutes, many at a time. Pure."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from liveops.windows.buckets import Floats, Ints, group_starts
from liveops.windows.minutes import minute_block
from liveops.windows.series import note_seen
from liveops.windows.state import MINUTE_S, SERIES_BITS, SIZES, PartitionState, ServiceState

SERIES_MASK = (1 << SERIES_BITS) - 1


def flush(partition: PartitionState) -> None:
    """Add the staged rows to their minutes."""
    staged, partition.staged = partition.staged, []
    if not staged:
        return
    series = np.concatenate([rows.series for rows in staged])
    times_s = np.concatenate([rows.times_s for rows in staged])
    values = np.concatenate([rows.values for rows in staged])
    append_s = np.concatenate([rows.append_s for rows in staged])
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
    service: ServiceState,
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
            base = service.bases.get((size, start // size * size))
            if base is not None:
                base.add(numbers, values, append_s)
