"""Batch records of a slice, read in columns: a record with `metrics` of one service. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from msgspec import UNSET

from liveops.intake.chunk import Columns, Floats, in_bounds, only_ids
from liveops.intake.series_table import UNKNOWN, Ints, Written
from liveops.intake.shapes import MAX_ITEMS, NO_TAGS, Item, Wire, given_ids
from liveops.intake.times import seconds_of


class BatchRecords(NamedTuple):
    """Metrics of batch records of a slice: their columns, their record and place in it.

    Only records all of whose metrics are good and of series seen before. `ids` are those given
    by clients, by row.
    """

    columns: Columns
    record: Ints
    item: Ints
    ids: dict[int, bytes]


_EMPTY = np.empty(0, np.int64)
_NONE = BatchRecords(Columns(_EMPTY, np.empty(0), np.empty(0)), _EMPTY, _EMPTY, {})


def read_batch_records(
    indexes: Sequence[int],
    wires: Sequence[Wire],
    append_s: Floats,
    known: Mapping[Written, int],
    max_age_s: float,
) -> BatchRecords:
    """What of these records of a slice are batches that need no closer look."""
    chosen = [at for at in indexes if _is_plain(wires[at])]
    if not chosen:
        return _NONE
    found: list[list[Item]] = [wires[at].metrics for at in chosen]  # type: ignore[misc] # no UNSET
    sizes = [len(items) for items in found]
    items = [item for one in found for item in one]
    services = [wires[at].service_name for at, size in zip(chosen, sizes, strict=True)
                for _ in range(size)]  # fmt: skip
    numbers = [
        known.get((service, item.metric_type, bytes(item.tags)), UNKNOWN)
        if item.service_name is None or item.service_name == service
        else UNKNOWN
        for service, item in zip(services, items, strict=True)
    ]
    append_s = np.repeat(append_s[chosen], sizes)
    columns = Columns(
        np.array(numbers, np.int64),
        np.array([item.value for item in items]),
        seconds_of([item.timestamp for item in items], append_s),
    )
    ids, odd_ids = given_ids(items)
    good = (columns.series != UNKNOWN) & in_bounds(columns, append_s, max_age_s)
    good[odd_ids] = False
    counts = np.array(sizes)
    starts = np.cumsum(counts) - counts
    whole = np.logical_and.reduceat(good, starts)
    kept = np.repeat(whole, counts)
    record = np.repeat(np.array(chosen), counts)[kept]
    item = (np.arange(len(items)) - np.repeat(starts, counts))[kept]
    return BatchRecords(columns.only(kept), record, item, only_ids(ids, kept))


def _is_plain(wire: Wire) -> bool:
    """Whether a record is a batch of the right size and nothing else."""
    return (
        wire.metrics is not UNSET
        and 0 < len(wire.metrics) <= MAX_ITEMS
        and not wire.metric_type
        and wire.tags is NO_TAGS
        and wire.timestamp is None
        and wire.id is None
        and wire.value != wire.value
    )
