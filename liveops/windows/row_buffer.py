"""Rows in time wait here and are added to their minutes many at a time. Pure."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from liveops.intake.details import Details, nothing_told
from liveops.windows.buckets import group_starts
from liveops.windows.minute_rows import MinuteRows, add_rows, first_of_their_time
from liveops.windows.rows import SERIES_BITS, Rows, only_some
from liveops.windows.state import MINUTE_S, PartitionState
from schema.kinds import Histogram

_NONE = np.empty(0, np.int64)


def flush(partition: PartitionState) -> None:
    """Add the waiting rows to their minutes."""
    waiting, partition.buffer = partition.buffer, []
    if not waiting:
        return
    series = np.concatenate([rows.series for rows in waiting])
    times_s = np.concatenate([rows.times_s for rows in waiting])
    values = np.concatenate([rows.values for rows in waiting])
    append_s = np.concatenate([rows.append_s for rows in waiting])
    details, histograms = _details(waiting), _histograms(waiting)
    groups = (series >> SERIES_BITS << 32) | (times_s // MINUTE_S).astype(np.int64)
    order = groups.argsort(kind="stable")
    groups = groups[order]
    edges = [*group_starts(groups).tolist(), len(groups)]
    for low, high in pairwise(edges):
        service = partition.by_number[int(groups[low]) >> 32]
        start = (int(groups[low]) & 0xFFFFFFFF) * MINUTE_S
        chosen = order[low:high]
        needs_times = service.has_kinds or details is not None or histograms
        rows = MinuteRows(
            series[chosen], values[chosen], times_s[chosen if needs_times else _NONE],
            append_s[chosen], details and details.only(chosen),
            only_some(histograms, chosen, len(series)),
        )  # fmt: skip
        kept = None if details is None else first_of_their_time(partition, service, start, rows)
        if kept is not None:
            rows = rows.only(kept)
        add_rows(partition, service, start, rows)


def _details(waiting: list[Rows]) -> Details | None:
    """What the rows say beside their values; None where none says anything."""
    if all(rows.details is None for rows in waiting):
        return None
    found = [rows.details or nothing_told(len(rows.series)) for rows in waiting]
    return Details(*map(np.concatenate, zip(*found, strict=True)))


def _histograms(waiting: list[Rows]) -> dict[int, Histogram]:
    found: dict[int, Histogram] = {}
    first = 0
    for rows in waiting:
        found.update((first + row, told) for row, told in rows.histograms.items())
        first += len(rows.series)
    return found
