"""Rebuilding a service's windows from its values in the table.

A crash may have come between any two of the writes (`tables/window_store.py` gives their
order), so what the header does not know of is either dropped or remembered as a floor:
records that a minute already holds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from liveops.windows.admission import note_seen, stale_series
from liveops.windows.buckets import Ints
from liveops.windows.state import HEARD_S, MINUTE_S, UNSEEN_S, PartitionState, ServiceWindows
from schema.series import OVERFLOW_TAGS, SeriesId
from tables.pending import Pending
from tables.window_samples import restore_lasts
from tables.windows import (
    ID_BYTES,
    Header,
    decode_header,
    decode_names,
    decode_piece,
    minute_part_of,
    outline_of,
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
    heard_s = header.heard_s or header.clocks
    service.last_heard_s = max(header.last_heard_s, max(heard_s.values(), default=0.0))
    service.heard_s = {
        origin: at_s
        for origin, at_s in heard_s.items()
        if at_s + HEARD_S >= header.clocks.get(origin, 0.0)
    }
    service.corrections = {start: set(n) for start, n in header.corrections.items()}
    for origin in header.offsets:
        # What is read next sets the clocks: a service may have to be replayed from there.
        partition.clocks.setdefault(origin, 0.0)
    for origin, offset in header.offsets.items():
        until = partition.replay_until.get(origin, -1)
        partition.replay_until[origin] = max(offset, until)
    _names(service, values)
    _minutes(service, values)
    _count(partition, service)
    _ids(service, values, header)
    for part in values:
        if part[0] == "c":
            restore_lasts(values[part], int(part[1:]), header.watermark_s, service.counters)
    return _pieces(values, header)


def _names(service: ServiceWindows, values: dict[str, bytes]) -> None:
    minutes: list[int] = []
    watermark_s = max(service.watermark_s, 0.0)
    for first in sorted(int(part[1:]) for part in values if part[0] == "s"):
        missing = first - len(service.series)
        service.series += [None] * missing
        minutes += [UNSEEN_S] * missing
        for stored in decode_names(values[f"s{first}"]):
            series, minute = None, UNSEEN_S
            if stored is not None:
                tags = tuple((name, text) for name, text in stored.tags)
                series = SeriesId(service.name, stored.metric_type, tags, stored.kind)
                service.numbers[series] = len(service.series)
                service.note_kind(len(service.series), stored.kind)
                minute = int(watermark_s // MINUTE_S) * MINUTE_S  # not told before form 2
                if stored.last_minute is not None:
                    minute = stored.last_minute
            service.series.append(series)
            minutes.append(minute)
    service.free = [n for n, series in enumerate(service.series) if series is None]
    service.last_minute = np.array(minutes, np.int64)


def _count(partition: PartitionState, service: ServiceWindows) -> None:
    """Which series are in the count: those that have left keep their numbers for a while."""
    service.dormant = {*stale_series(service, service.watermark_s)}
    counted = {series: n for series, n in service.numbers.items() if n not in service.dormant}
    service.overflow = {n for series, n in counted.items() if series.tags == OVERFLOW_TAGS}
    service.counted = len(counted) - len(service.overflow)
    partition.counted += service.counted
    partition.overflow_series += len(service.overflow)
    partition.dormant += len(service.dormant)


def _minutes(service: ServiceWindows, values: dict[str, bytes]) -> None:
    for part in values:
        if part[0] == "m":
            start, series = minute_part_of(part)
            service.kept.add(start)
            service.parts.setdefault(start, set()).add(series)
    for start, ranges in service.parts.items():
        for series in sorted(ranges, key=lambda r: r[1] - r[0]):
            offsets, present = outline_of(values[f"m{start}/{series[0]}-{series[1]}"])
            _note_present(service, present, start)
            if any(o > service.offsets.get(origin, -1) for origin, o in offsets.items()):
                service.replay_floors.setdefault(start, {})[series] = offsets


def _note_present(service: ServiceWindows, present: Ints, start: int) -> None:
    """Series with values in a minute were seen in it; the numbers of forgotten ones were not."""
    known = [n for n in present.tolist() if n < len(service.series) and service.series[n]]
    if known:
        note_seen(service, np.array(known), start)


def _ids(service: ServiceWindows, values: dict[str, bytes], header: Header) -> None:
    for minute, number, count in header.ids:
        value = values[f"i{minute}/{number}"][: count * ID_BYTES]
        ids = [value[at : at + ID_BYTES] for at in range(0, len(value), ID_BYTES)]
        service.dedup.restore((minute, number), ids)


def _pieces(values: dict[str, bytes], header: Header) -> Restored:
    pieces = {number: decode_piece(values[f"p{number}"]) for number in header.pending}
    stored = {int(part[1:]) for part in values if part[0] == "p"}
    orphans = [f"p{number}" for number in stored - pieces.keys()]
    return Restored(Pending(pieces, header.next_piece), orphans)
