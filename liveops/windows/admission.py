"""Which series and services there may be: admitting, overflowing, forgetting. Pure.

A series is admitted by the row that first needs it and leaves the count with the row that
moves the watermark past its hour: the log decides, however it is cut into chunks. The number
of a series that has left may be taken by another only when nothing names it any more,
in memory or in storage (`releasable`, `release`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container

import numpy as np

from liveops.windows.buckets import Ints
from liveops.windows.counters import COUNTER
from liveops.windows.rows import REFUSED
from liveops.windows.state import (
    FORGET_SERIES_S,
    LARGEST_S,
    MINUTE_S,
    NEVER_S,
    UNSEEN_S,
    Outputs,
    PartitionState,
    ServiceWindows,
    WindowLimits,
)
from schema.kinds import GAUGE, KINDS, Kind
from schema.series import OVERFLOW_METRIC, OVERFLOW_TAGS, SeriesId


def admit_service(
    partition: PartitionState, name: str, append_s: float, busy: Callable[[], Container[int]],
    limits: WindowLimits, outputs: Outputs,
) -> tuple[ServiceWindows, int | None]:  # fmt: skip
    """The state of a service, or of the overflow service when there are too many.

    And the number of the service that was forgotten for it. `busy` gives the numbers of
    services with rows under way: they are not forgotten.
    """
    overflow = partition.overflow_service
    count = len(partition.services) - (overflow in partition.services)
    if name in partition.services or name == overflow or count < limits.max_services:
        return partition.service(name), None
    forgotten = _forget_idle_service(partition, append_s - limits.forget_service_s, busy)
    if forgotten is not None:
        return partition.service(name), forgotten
    outputs.overflowed_services += 1
    return partition.service(overflow), None


def _forget_idle_service(
    partition: PartitionState, before_s: float, busy: Callable[[], Container[int]]
) -> int | None:
    """Forget the service that was last read longest ago, if that was before a broker time.

    What it may still be sent is older than the retention, so nothing can open its windows again.
    """
    if before_s <= partition.oldest_heard_s:
        return None
    under_way = busy()
    heard = {service: service.last_heard_s for service in partition.services.values()}
    partition.oldest_heard_s = min(heard.values())
    idle = [
        service
        for service, heard_s in heard.items()
        if heard_s < before_s and service.number not in under_way
        and not service.kept and not service.corrections
    ]  # fmt: skip
    if not idle:
        return None
    service = min(idle, key=lambda found: (heard[found], found.name))
    leave(partition, service, [n for n in service.numbers.values() if n not in service.dormant])
    partition.dormant -= len(service.dormant)
    del partition.services[service.name]
    partition.free.append(service.number)
    partition.forgotten.add(service.name)
    return service.number


def admit(
    partition: PartitionState, service: ServiceWindows, series: SeriesId, minute_s: int,
    limits: WindowLimits, outputs: Outputs, *, was_full: bool = False,
) -> int:  # fmt: skip
    """The number of a series that a value of this minute needs.

    That of an overflow series when there are too many, or were when it was applied before;
    REFUSED when the series is there as another kind.
    """
    if _is_counted(service, series):
        return service.numbers[series]
    may_differ = service.has_kinds or series.kind != GAUGE
    if may_differ and counted_kind(service, series) is not None:
        return REFUSED
    is_overflow = service.name == partition.overflow_service
    if is_overflow or was_full or _is_full(partition, service, limits):
        outputs.overflowed += 1
        return _admit_overflow(partition, service, series.metric_type, minute_s, limits)
    number = _enter(partition, service, series, minute_s)
    service.counted += 1
    partition.counted += 1
    return number


def _is_full(partition: PartitionState, service: ServiceWindows, limits: WindowLimits) -> bool:
    return service.counted >= limits.max_series or partition.counted >= limits.max_series_partition


def _admit_overflow(
    partition: PartitionState, service: ServiceWindows, metric_type: str, minute_s: int,
    limits: WindowLimits,
) -> int:  # fmt: skip
    """The overflow series of a metric, or of the whole service when there are many of those."""
    series = SeriesId(service.name, metric_type, OVERFLOW_TAGS)
    if not _is_counted(service, series) and (
        len(service.overflow) >= limits.max_overflow_series
        or partition.overflow_series >= limits.max_series_partition
    ):
        series = SeriesId(service.name, OVERFLOW_METRIC, OVERFLOW_TAGS)
    if _is_counted(service, series):
        return service.numbers[series]
    number = _enter(partition, service, series, minute_s)
    service.overflow.add(number)
    partition.overflow_series += 1
    return number


def counted_kind(service: ServiceWindows, series: SeriesId) -> Kind | None:
    """As which kind a series is in the count."""
    for kind in KINDS:
        if _is_counted(service, series._replace(kind=kind)):
            return kind
    return None


def _is_counted(service: ServiceWindows, series: SeriesId) -> bool:
    number = service.numbers.get(series)
    return number is not None and number not in service.dormant


def _enter(
    partition: PartitionState, service: ServiceWindows, series: SeriesId, minute_s: int
) -> int:
    """Give the series a number, its old one if it still has it."""
    number = service.numbers.get(series)
    if number is None:
        if service.free:
            number = service.free.pop()
            service.series[number] = series
        else:
            number = len(service.series)
            service.series.append(series)
        service.numbers[series] = number
        service.note_kind(number, series.kind)
    else:
        service.dormant.remove(number)
        partition.dormant -= 1
    note_seen(service, np.array([number]), minute_s)
    service.unstored_series.add(number)
    service.unstored = True
    return number


def note_seen(service: ServiceWindows, numbers: Ints, minute_s: int) -> None:
    """Take the minute as the newest of these series, ascending, that have no newer one."""
    size, known = int(numbers[-1]) + 1, service.last_minute
    if size > len(known):
        service.last_minute = np.full(max(size, 2 * len(known)), UNSEEN_S)
        service.last_minute[: len(known)] = known
    newest = np.maximum(service.last_minute[numbers], minute_s)
    service.last_minute[numbers] = newest


def stale_before(watermark_s: float) -> float:
    """Series whose newest minute starts before this have left the count."""
    return math.floor(watermark_s / MINUTE_S) * MINUTE_S - FORGET_SERIES_S - MINUTE_S


def stale_series(service: ServiceWindows, watermark_s: float) -> list[int]:
    """Series in the count whose hour is over at this watermark."""
    if watermark_s == NEVER_S:
        return []
    known = service.last_minute
    old = np.flatnonzero((known != UNSEEN_S) & (known <= stale_before(watermark_s))).tolist()
    return [number for number in old if number not in service.dormant]


def leave(partition: PartitionState, service: ServiceWindows, numbers: list[int]) -> None:
    """Take series out of the count; they keep their numbers until those are released."""
    for number in numbers:
        if number in service.overflow:
            service.overflow.remove(number)
            partition.overflow_series -= 1
        else:
            service.counted -= 1
            partition.counted -= 1
        service.dormant.add(number)
    partition.dormant += len(numbers)


def releasable(partition: PartitionState, limits: WindowLimits) -> list[tuple[ServiceWindows, int]]:
    """Series that have left and whose minutes are dropped: nothing names them any more.

    Nor does a counter's sample that is not too late look back so far.
    """
    if not partition.dormant:
        return []
    found: list[tuple[ServiceWindows, int]] = []
    for service in partition.services.values():
        oldest = min(service.kept, default=math.inf) if service.dormant else math.inf
        reach_s = FORGET_SERIES_S + LARGEST_S + MINUTE_S + limits.allowed_lateness_s
        found += [
            (service, n)
            for n in service.dormant
            if service.last_minute[n] < oldest
            and (
                service.kinds[n] != COUNTER
                or service.last_minute[n] + reach_s <= service.watermark_s
            )
        ]
    return found


def release(partition: PartitionState, numbers: list[tuple[ServiceWindows, int]]) -> list[SeriesId]:
    """Free the numbers of those that have not come back; which series that were.

    Only when what is stored needs none of them, and between chunks.
    """
    gone = [_release(service, n) for service, n in numbers if n in service.dormant]
    partition.dormant -= len(gone)
    return gone


def _release(service: ServiceWindows, number: int) -> SeriesId:
    series = service.series[number]
    if series is None:
        raise ValueError(f"series {number} of {service.name} is free already")
    del service.numbers[series]
    service.series[number] = None
    service.names.pop(number, None)
    service.dormant.remove(number)
    service.last_minute[number] = UNSEEN_S
    service.free.append(number)
    service.unstored_series.add(number)
    service.unstored = True
    return series
