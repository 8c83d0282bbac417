"""Batch records of a slice, read in columns: a record with `metrics` of one service. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np
from msgspec import UNSET

from liveops.intake.chunk import Columns, Floats, in_bounds, only_ids
from liveops.intake.details import Details, KindItems, details_of
from liveops.intake.series_table import UNKNOWN, Ints, Written
from liveops.intake.shapes import MAX_ITEMS, NO_TAGS, Item, KindWire, Wire, given_ids
from liveops.intake.times import seconds_of
from schema.kinds import GAUGE, Kind


class BatchRecords(NamedTuple):
    """Metrics of batch records of a slice: their columns, their record and place in it.

    Only records all of whose metrics are good and of series seen before. `ids` are those given
    by clients, by row.
    """

    columns: Columns
    record: Ints
    item: Ints
    ids: dict[int, bytes]
    details: Details | None = None


_EMPTY = np.empty(0, np.int64)
_NONE = BatchRecords(Columns(_EMPTY, np.empty(0), np.empty(0)), _EMPTY, _EMPTY, {})


def read_batch_records(
    indexes: Sequence[int],
    wires: Sequence[Wire],
    append_s: Floats,
    known: Mapping[Kind, Mapping[Written, int]],
    max_age_s: float,
    *,
    plain: bool,
) -> BatchRecords:
    """What of these records of a slice are batches that need no closer look.

    `plain` tells that none has a field that belongs to kinds.
    """
    chosen = [at for at in indexes if _is_plain(wires[at])]
    if not chosen:
        return _NONE
    found: list[Sequence[Item]] = [wires[at].metrics for at in chosen]  # type: ignore[misc] # no UNSET
    sizes = [len(items) for items in found]
    items = [item for one in found for item in one]
    services = [wires[at].service_name for at, size in zip(chosen, sizes, strict=True)
                for _ in range(size)]  # fmt: skip
    numbers = (
        [
            known[GAUGE].get((service, item.metric_type, bytes(item.tags)), UNKNOWN)
            if item.service_name is None or item.service_name == service
            else UNKNOWN
            for service, item in zip(services, items, strict=True)
        ]
        if plain
        else _numbers(services, cast("KindItems", items), known)
    )
    append_s = np.repeat(append_s[chosen], sizes)
    columns = Columns(
        np.array(numbers, np.int64),
        np.array([item.value for item in items]),
        seconds_of([item.timestamp for item in items], append_s),
    )
    ids, odd_ids = given_ids(items)
    good = (columns.series != UNKNOWN) & in_bounds(columns, append_s, max_age_s)
    good[odd_ids] = False
    told = None
    if not plain:
        told, odd = details_of(cast("KindItems", items), columns.times_s)
        if odd is not None:
            good &= ~odd
    counts = np.array(sizes)
    starts = np.cumsum(counts) - counts
    whole = np.logical_and.reduceat(good, starts)
    kept = np.repeat(whole, counts)
    record = np.repeat(np.array(chosen), counts)[kept]
    item = (np.arange(len(items)) - np.repeat(starts, counts))[kept]
    return BatchRecords(
        columns.only(kept), record, item, only_ids(ids, kept), told and told.only(kept)
    )


def _numbers(
    services: list[str], items: KindItems, known: Mapping[Kind, Mapping[Written, int]]
) -> list[int]:
    """Numbers of items that may say their kind."""
    return [
        known[item.kind].get((service, item.metric_type, bytes(item.tags)), UNKNOWN)
        if item.service_name is None or item.service_name == service
        else UNKNOWN
        for service, item in zip(services, items, strict=True)
    ]


def _is_plain(wire: Wire) -> bool:
    """Whether a record is a batch of the right size and nothing else."""
    if isinstance(wire, KindWire) and not _says_nothing(wire):
        return False
    return (
        wire.metrics is not UNSET
        and 0 < len(wire.metrics) <= MAX_ITEMS
        and not wire.metric_type
        and wire.tags is NO_TAGS
        and wire.timestamp is None
        and wire.id is None
        and wire.value != wire.value
    )


def _says_nothing(wire: KindWire) -> bool:
    """Whether the record itself has no field that belongs to kinds."""
    return wire.kind == GAUGE and not wire.once and wire.start is None and wire.histogram is UNSET
