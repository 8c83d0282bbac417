"""Skipping what was applied before: replayed records, and metrics sent twice. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liveops.windows.buckets import Ints, argsort_small, group_starts
from liveops.windows.rows import SERIES_BITS, Rows
from liveops.windows.state import PartitionState


def fresh(partition: PartitionState, rows: Rows, record: Ints) -> npt.NDArray[Any] | None:
    """Which rows are newer than all that their service has of their origin; None for all.

    `record` tells which rows are of one record: those of one service are fresh or not together.
    """
    if _all_fresh(partition, rows, record):
        return None
    keep = np.ones(len(record), bool)
    #: Of each service and origin the newest offset, and the record looked at last.
    newest: dict[tuple[int, int], tuple[int, int, bool]] = {}
    services = (rows.series >> SERIES_BITS).tolist()
    columns = zip(services, rows.origins.tolist(), rows.offsets.tolist(), record.tolist(),
                  strict=True)  # fmt: skip
    for row, (service, origin, offset, mine) in enumerate(columns):
        key = (service, origin)
        known, last, is_fresh = newest.get(key) or (_offset_of(partition, *key), -1, True)
        if mine != last:
            is_fresh = offset > known
            newest[key] = max(offset, known), mine, is_fresh
        keep[row] = is_fresh
    return keep


def _offset_of(partition: PartitionState, service: int, origin: int) -> int:
    return partition.by_number[service].offsets.get(origin, -1)


def _all_fresh(partition: PartitionState, rows: Rows, record: Ints) -> bool:
    """Whether each record is newer than all that its service has of its origin."""
    if not len(record):
        return True
    services, origins, offsets = rows.series >> SERIES_BITS, rows.origins, rows.offsets
    pairs = services * (int(origins.max()) + 2) + origins + 1
    order = argsort_small(pairs)
    starts = group_starts(pairs[order])
    offsets, record = offsets[order], record[order]
    rising = (offsets[1:] > offsets[:-1]) | (record[1:] == record[:-1])
    rising[starts[1:] - 1] = True
    firsts = order[starts]
    known = [partition.by_number[at].offsets for at in services[firsts].tolist()]
    keys = origins[firsts].tolist()
    seen = [offset.get(key, -1) for offset, key in zip(known, keys, strict=True)]
    return bool(rising.all() and (offsets[starts] > seen).all())


def without_repeated_ids(partition: PartitionState, rows: Rows) -> tuple[Rows, int]:
    """Without the metrics whose given id was seen before; how many those were."""
    if not rows.ids:
        return rows, 0
    keep = np.ones(len(rows.series), bool)
    for row, identity in sorted(rows.ids.items()):
        service = partition.by_number[int(rows.series[row]) >> SERIES_BITS]
        keep[row] = service.dedup.remember(identity, float(rows.append_s[row]))
    repeated = int(len(keep) - keep.sum())
    return (rows.only(keep) if repeated else rows), repeated
