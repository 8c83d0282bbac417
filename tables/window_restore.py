"""Rebuilding a service's windows from its values in the table.

A crash may have come between any two of the writes (`tables/window_store.py` gives their
order), so what the header does not know of is either dropped or remembered as a floor:
records that a minute already holds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from liveops.windows.state import MINUTE_S, UNSEEN_S, PartitionState, SeriesId, ServiceState
from tables.pending import Pending
from tables.windows import (
    ID_BYTES,
    Header,
    decode_header,
    decode_names,
    decode_piece,
    minute_part_of,
    offsets_of,
)


class Restored(NamedTuple):
    """Pending output, None where nothing of the service was safe, and values to delete."""

    pending: Pending | None
    needless: list[str]


def restore(partition: PartitionState, name: str, values: dict[str, bytes]) -> Restored:
    """Take a service over into the partition; `values` are its own by part of the key."""
    if "h" not in values:
        return Restored(None, list(values))
    service = partition.service(name)
    header = decode_header(values["h"])
    service.event_max_s, service.event_append_s = header.event_max_s, header.event_append_s
    service.watermark_s = service.loaded_s = header.watermark_s
    service.offsets = header.offsets
    service.corrections = {start: set(n) for start, n in header.corrections.items()}
    for origin, clock_s in header.clocks.items():
        partition.clocks[origin] = max(clock_s, partition.clocks.get(origin, 0.0))
    for origin, offset in header.offsets.items():
        until = partition.replay_until.get(origin, -1)
        partition.replay_until[origin] = max(offset, until)
    _names(partition, service, values)
    _minutes(service, values)
    _ids(service, values, header)
    return _pieces(values, header)


def _names(partition: PartitionState, service: ServiceState, values: dict[str, bytes]) -> None:
    for first in sorted(int(part[1:]) for part in values if part[0] == "s"):
        names = decode_names(values[f"s{first}"])
        service.series += [None] * (first - len(service.series))
        for name in names:
            series = None
            if name is not None:
                series = SeriesId(name[0], tuple((k, v) for k, v in name[1]))
                service.numbers[series] = len(service.series)
            service.series.append(series)
    service.free = [n for n, series in enumerate(service.series) if series is None]
    partition.series_count += len(service.numbers)
    minute = 0
    if service.numbers and service.watermark_s > 0:
        minute = int(service.watermark_s // MINUTE_S) * MINUTE_S
    named = [UNSEEN_S if series is None else minute for series in service.series]
    service.last_minute = np.array(named, np.int64)


def _minutes(service: ServiceState, values: dict[str, bytes]) -> None:
    for part in values:
        if part[0] == "m":
            start, series = minute_part_of(part)
            service.kept.add(start)
            service.parts.setdefault(start, set()).add(series)
    for start, ranges in service.parts.items():
        for series in sorted(ranges, key=lambda r: r[1] - r[0]):
            offsets = offsets_of(values[f"m{start}/{series[0]}-{series[1]}"])
            if any(o > service.offsets.get(origin, -1) for origin, o in offsets.items()):
                service.floors.setdefault(start, {})[series] = offsets


def _ids(service: ServiceState, values: dict[str, bytes], header: Header) -> None:
    for minute, number, count in header.ids:
        value = values[f"i{minute}/{number}"][: count * ID_BYTES]
        ids = [value[at : at + ID_BYTES] for at in range(0, len(value), ID_BYTES)]
        service.seen.restore((minute, number), ids)


def _pieces(values: dict[str, bytes], header: Header) -> Restored:
    pieces = {number: decode_piece(values[f"p{number}"]) for number in header.pending}
    stored = {int(part[1:]) for part in values if part[0] == "p"}
    orphans = [f"p{number}" for number in stored - pieces.keys()]
    return Restored(Pending(pieces, header.next_piece), orphans)
