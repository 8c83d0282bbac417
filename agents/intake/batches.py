"""Batch records of a slice, read in columns: a record with `metrics` of one service. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from msgspec import UNSET

from agents.intake.careful import UNKNOWN, Names
from agents.intake.decode import MAX_ITEMS, MAX_RECORD_BYTES
from agents.intake.rows import Columns, in_bounds
from agents.intake.times import seconds_of
from agents.intake.wire import NO_TAGS, Item, Wire
from liveops.windows.buckets import Floats


class Batches(NamedTuple):
    """Metrics of batch records, and which rows belong to which record of the slice.

    Only records all of whose metrics are good and of series seen before.
    """

    columns: Columns
    rows: dict[int, slice]


_NONE = Batches(Columns(np.empty(0, np.int64), np.empty(0), np.empty(0)), {})


def read_batches(
    indexes: Sequence[int],
    records: Sequence[Any],
    wires: Sequence[Wire],
    append_s: Floats,
    known: dict[Names, int],
    max_age_s: float,
) -> Batches:
    """What of these records of a slice are batches that need no closer look."""
    chosen = [at for at in indexes if _is_plain(wires[at], records[at])]
    if not chosen:
        return _NONE
    found: list[list[Item]] = [wires[at].metrics for at in chosen]  # type: ignore[misc] # no UNSET
    sizes = [len(items) for items in found]
    items = [item for one in found for item in one]
    services = [wires[at].service_name for at, size in zip(chosen, sizes, strict=True)
                for _ in range(size)]  # fmt: skip
    numbers = [
        known.get((service, item.metric_type, bytes(item.tags)), UNKNOWN)
        if item.id is None and (item.service_name is None or item.service_name == service)
        else UNKNOWN
        for service, item in zip(services, items, strict=True)
    ]
    append_s = np.repeat(append_s[chosen], sizes)
    columns = Columns(
        np.array(numbers, np.int64),
        np.array([item.value for item in items]),
        seconds_of([item.timestamp for item in items], append_s),
    )
    good = (columns.series != UNKNOWN) & in_bounds(columns, append_s, max_age_s)
    edges = [0, *np.cumsum(sizes).tolist()]
    whole = np.logical_and.reduceat(good, edges[:-1]).tolist()
    spans = zip(chosen, whole, pairwise(edges), strict=True)
    return Batches(columns, {at: slice(low, high) for at, is_good, (low, high) in spans if is_good})


def _is_plain(wire: Wire, record: Any) -> bool:
    """Whether a record is a batch of the right form and size, and nothing else."""
    return (
        wire.metrics is not UNSET
        and 0 < len(wire.metrics) <= MAX_ITEMS
        and len(record.value) <= MAX_RECORD_BYTES
        and not wire.metric_type
        and wire.tags is NO_TAGS
        and wire.timestamp is None
        and wire.id is None
        and wire.value != wire.value
    )
