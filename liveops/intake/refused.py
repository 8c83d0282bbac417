"""Metrics that the windows refused: of another kind than their series. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from msgspec import UNSET

from liveops.intake.chunk import DecodedChunk
from liveops.intake.decoded_record import DecodedRecord
from liveops.intake.faults import Fault
from liveops.intake.forms import decode_outline


def refusals(
    chunk: DecodedChunk, refused: Mapping[tuple[int, int, int], str]
) -> list[tuple[int, Fault]]:
    """The faults of these metrics with the position of their record.

    A metric is named by its record's origin and offset and the number of its series; what it
    is told with is the kind of the series.
    """
    numbers = np.array(sorted({number for _, _, number in refused}))
    found: dict[int, DecodedRecord] = {}
    for row in np.flatnonzero(np.isin(chunk.series, numbers)).tolist():
        record, number = int(chunk.record[row]), int(chunk.series[row])
        origin, offset, _ = chunk.positions.at(record)
        kind = refused.get((origin, offset, number))
        if kind is None:
            continue
        index = int(chunk.item[row]) if _has_items(chunk.records[record].value) else None
        why = f"kind: the series is a {kind}, this is a {chunk.table.ids[number].kind}"
        found.setdefault(record, DecodedRecord()).add_fault("invalid", index, why)
    return [(record, fault) for record, told in found.items() for fault in told.faults]


def _has_items(value: bytes) -> bool:
    """Whether a record is more than one object of ours."""
    try:
        return decode_outline(value).metrics is not UNSET
    except (msgspec.DecodeError, RecursionError):
        return True
