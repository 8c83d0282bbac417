"""Numbers for series, and the limits on how many there may be. Pure."""

from __future__ import annotations

import numpy as np

from liveops.windows.buckets import Ints
from liveops.windows.state import (
    FORGET_SERIES_S,
    MINUTE_S,
    OVERFLOW_TAGS,
    UNSEEN_S,
    Limits,
    Outputs,
    PartitionState,
    SeriesId,
    ServiceState,
)


def number_of(
    partition: PartitionState,
    service: ServiceState,
    series: SeriesId,
    limits: Limits,
    outputs: Outputs,
) -> tuple[int, bool]:
    """The series' number, and whether it is its own: else that of the overflow series."""
    known = service.numbers.get(series)
    if known is not None:
        return known, True
    full = (
        len(service.numbers) >= limits.max_series
        or partition.series_count >= limits.max_series_partition
    )
    if full and series.tags != OVERFLOW_TAGS:
        outputs.overflowed += 1
        overflow = SeriesId(series.metric_type, OVERFLOW_TAGS)
        return number_of(partition, service, overflow, limits, outputs)[0], False
    return _add(partition, service, series), True


def _add(partition: PartitionState, service: ServiceState, series: SeriesId) -> int:
    if service.free:
        number = service.free.pop()
        service.series[number] = series
    else:
        number = len(service.series)
        service.series.append(series)
    service.numbers[series] = number
    service.new_series.add(number)
    service.dirty = True
    partition.series_count += 1
    return number


def note_seen(service: ServiceState, numbers: Ints, minute_s: int) -> None:
    """Take the minute as the newest of these series, ascending, that have no newer one."""
    size, known = int(numbers[-1]) + 1, service.last_minute
    if size > len(known):
        service.last_minute = np.full(max(size, 2 * len(known)), UNSEEN_S)
        service.last_minute[: len(known)] = known
    newest = np.maximum(service.last_minute[numbers], minute_s)
    service.last_minute[numbers] = newest


def forget_series(partition: PartitionState, service: ServiceState) -> bool:
    """Forget series unseen for an hour of the service's time; whether there were any.

    Their minutes are long dropped, so a number can be given to another series.
    """
    stale_s = service.watermark_s - FORGET_SERIES_S
    known = service.last_minute
    gone = np.flatnonzero((known != UNSEEN_S) & (known + MINUTE_S < stale_s)).tolist()
    for number in gone:
        series = service.series[number]
        if series is not None:
            del service.numbers[series]
            service.series[number] = None
            service.names.pop(number, None)
            service.free.append(number)
            service.new_series.add(number)
            partition.series_count -= 1
        known[number] = UNSEEN_S
    return bool(gone)
