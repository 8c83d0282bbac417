"""Records read one by one: first sights, unusual forms, bad input. Pure.

What the fast path of `liveops.intake.decoder` does not take comes here; both give the same
metrics and ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import UNSET

from liveops.intake.chunk import ChunkBuilder
from liveops.intake.record import decode_record, fault_of_text
from liveops.intake.series_table import SeriesTable
from liveops.intake.shapes import UNREADABLE, Item, Wire
from liveops.intake.source_position import mark_of
from schema.series import series_id


def read_record(
    index: int, record: Any, wire: Wire, builder: ChunkBuilder, max_age_s: float
) -> None:
    """Add what record `index` holds: check everything, name what is wrong, learn the series.

    `wire` is the record as the fast path sees it, or UNREADABLE.
    """
    if record.value is None:
        mark = mark_of(record)
        if mark is None:
            builder.tombstones += 1
        else:
            builder.marks.append((index, mark))
        return
    fault = fault_of_text(record.value) if wire is UNREADABLE else None
    if fault is not None:
        builder.faults.append((index, fault))
        return
    append_s = float(builder.positions.append_s[index])
    decoded = decode_record(record.value, append_s, max_age_s)
    builder.faults += [(index, fault) for fault in decoded.faults]
    numbers: list[int] = []
    for metric, item in zip(decoded.metrics, decoded.items, strict=True):
        series = series_id(metric.service_name, metric.metric_type, metric.tags, metric.kind)
        numbers.append(builder.table.number_of(series))
        if metric.id:
            builder.ids[len(builder)] = UUID(metric.id).bytes
        builder.add(numbers[-1], metric.value, metric.timestamp_s, index, item)
        builder.tell(once=metric.once, start_s=metric.start_s, histogram=metric.histogram)
    if numbers and not decoded.bad and wire is not UNREADABLE:
        _learn(wire, numbers, builder.table)


def _learn(wire: Wire, numbers: list[int], table: SeriesTable) -> None:
    """Remember the names as they are written in the record, for the fast path."""
    items: Sequence[Wire | Item] = [wire] if wire.metrics is UNSET else wire.metrics
    for item, number in zip(items, numbers, strict=True):
        kind = table.ids[number].kind
        if kind == "histogram":  # is always looked at with care
            continue
        written = table.by_kind[kind]
        written[wire.service_name, item.metric_type, bytes(item.tags)] = number
