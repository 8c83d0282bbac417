"""Where the watermark of a service is, and how it moves along its rows. Pure.

W = min(T, E + (T − A)) − lateness, in epoch seconds: E is the service's greatest event time, A
the broker time of that record, T the newest broker time read; of several origins the one that
is furthest behind, so that a backlog closes nothing early. A silent service's clock runs on
from its own last record; a clock ahead of the broker's closes nothing early.

An origin's clock moves only by its reader: by the records that it hands on, and by its marks
when there are none. A service waits for the origins it was read from within the last hour of
their own time, unless their reader has fallen silent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from liveops.windows.buckets import Floats, Ints, argsort_small, distinct, group_starts
from liveops.windows.rows import SERIES_BITS, Rows
from liveops.windows.state import (
    HEARD_S,
    MINUTE_S,
    NEVER_S,
    PartitionState,
    ServiceWindows,
    WindowLimits,
)


def service_time_s(partition: PartitionState, service: ServiceWindows) -> float:
    """T as the service has it now."""
    waited_for = _waited_for(partition, service)
    if waited_for:
        return min(waited_for)
    return partition.clocks.get(partition.home, 0.0) or partition.time_s()


def _waited_for(partition: PartitionState, service: ServiceWindows) -> list[float]:
    """Clocks of the origins that the service waits for."""
    clocks = partition.clocks
    return [
        clocks.get(origin, 0.0)
        for origin in service.offsets
        if waits_for(partition, service, origin)
    ]


def waits_for(partition: PartitionState, service: ServiceWindows, origin: int) -> bool:
    """Whether the service was read from this origin lately, and its reader is not silent."""
    heard_s = service.heard_s.get(origin, NEVER_S)
    return heard_s + HEARD_S >= partition.clocks.get(origin, 0.0) and origin not in partition.silent


def watermark_at(service: ServiceWindows, time_s: float, limits: WindowLimits) -> float:
    """W when T is `time_s`; may be behind the service's own, which never moves back."""
    ahead_s = service.event_max_s - service.event_append_s
    return min(time_s, time_s + ahead_s) - limits.lateness_s


class SliceClocks:
    """T of each origin along the rows of a slice; the partition's clocks are moved past them."""

    def __init__(self, partition: PartitionState, rows: Rows) -> None:
        self._before = dict(partition.clocks)
        self._rows = rows
        self._running: dict[int, Floats] = {}
        for origin in distinct(rows.origins):
            newest_s = float(rows.append_s[rows.origins == origin].max())
            partition.clocks[origin] = max(newest_s, self._before.get(origin, 0.0))

    def at(self, origin: int, chosen: Ints) -> Floats:
        """T of the origin when each of the chosen rows is applied."""
        running = self._running.get(origin)
        if running is None:
            clock_s = self._before.get(origin, 0.0)
            own = np.where(self._rows.origins == origin, self._rows.append_s, clock_s)
            running = self._running[origin] = np.maximum.accumulate(np.maximum(own, clock_s))
        return running[chosen]


class ServiceRun(NamedTuple):
    """Rows of one service in a slice: their positions, and what all of them have in common.

    `newest` is the greatest offset and the clock there, where all rows are of one origin.
    """

    service: int
    chosen: Ints
    oldest_s: float
    newest_s: float
    oldest_append_s: float
    newest: tuple[int, int, float] | None


def runs_by_service(rows: Rows, clocks: SliceClocks) -> Iterator[ServiceRun]:
    """The rows of a slice, service by service."""
    services = rows.series >> SERIES_BITS
    order = argsort_small(services)
    starts = group_starts(services[order])
    ends = np.append(starts[1:], len(order))
    times_s, append_s = rows.times_s[order], rows.append_s[order]
    origin = int(rows.origins[0])
    newest: list[tuple[int, int, float] | None] = [None] * len(starts)
    if (rows.origins == origin).all():
        offsets = np.maximum.reduceat(rows.offsets[order], starts).tolist()
        clocks_s = clocks.at(origin, order[ends - 1]).tolist()
        newest = [(origin, *last) for last in zip(offsets, clocks_s, strict=True)]
    columns = zip(
        services[order[starts]].tolist(), starts.tolist(), ends.tolist(),
        np.minimum.reduceat(times_s, starts).tolist(),
        np.maximum.reduceat(times_s, starts).tolist(),
        np.minimum.reduceat(append_s, starts).tolist(),
        newest, strict=True,
    )  # fmt: skip
    for service, low, high, oldest_s, newest_s, oldest_append_s, last in columns:
        yield ServiceRun(service, order[low:high], oldest_s, newest_s, oldest_append_s, last)


def note_origins(service: ServiceWindows, rows: Rows, run: ServiceRun, clocks: SliceClocks) -> None:
    """Remember how far the service has its origins, and when it was read from each."""
    found = [run.newest] if run.newest else _newest_by_origin(rows, run.chosen, clocks)
    for origin, offset, clock_s in found:
        service.heard_s[origin] = clock_s
        service.last_heard_s = max(service.last_heard_s, clock_s)
        if offset > service.offsets.get(origin, -1):
            service.offsets[origin] = offset


def _newest_by_origin(
    rows: Rows, chosen: Ints, clocks: SliceClocks
) -> list[tuple[int, int, float]]:
    found: list[tuple[int, int, float]] = []
    origins = rows.origins[chosen]
    for origin in distinct(origins):
        mine = chosen[origins == origin]
        offset = int(rows.offsets[mine].max())
        found.append((origin, offset, float(clocks.at(origin, mine[-1:])[0])))
    return found


def closes_nothing(
    partition: PartitionState, service: ServiceWindows, run: ServiceRun, limits: WindowLimits
) -> bool:
    """Whether these rows, in any order, are in time and let no minute close.

    To be asked before `note_origins`, when the clocks have moved.
    """
    if service.replay_floors or service.watermark_s == NEVER_S:
        return False
    minute = service.watermark_s // MINUTE_S
    if run.oldest_s < minute * MINUTE_S:
        return False
    # T cannot pass this within the rows; W neither, whichever row is the newest.
    held = _waited_for(partition, service)
    time_s = min(held) if held else partition.time_s()
    ahead_s = max(
        service.event_max_s - service.event_append_s,
        max(run.newest_s, service.event_max_s) - run.oldest_append_s,
    )
    bound_s = min(time_s, time_s + ahead_s) - limits.lateness_s
    return bound_s // MINUTE_S <= minute


def progress(
    partition: PartitionState, service: ServiceWindows, rows: Rows, run: ServiceRun,
    limits: WindowLimits,
) -> None:  # fmt: skip
    """Event time and watermark after rows that close nothing."""
    if run.newest_s > service.event_max_s:
        first = run.chosen[rows.times_s[run.chosen].argmax()]
        service.event_max_s = run.newest_s
        service.event_append_s = float(rows.append_s[first])
    mark_s = watermark_at(service, service_time_s(partition, service), limits)
    service.watermark_s = max(service.watermark_s, mark_s)


class WatermarkPath:
    """Event time and watermark of one service before and after each of some rows.

    `chosen` are their positions in the rows of a slice. `marks_s` has two entries a row: W
    before it is applied, and after. `crossings` are the steps at which W passes a minute.
    Rows that are `in_time` close no window that another of them belongs to, nor can one of
    them be stored already.
    """

    def __init__(
        self, partition: PartitionState, service: ServiceWindows, rows: Rows, chosen: Ints,
        clocks: SliceClocks, limits: WindowLimits,
    ) -> None:  # fmt: skip
        self.service, self.chosen = service, chosen
        self._slice = rows
        rows, count = rows.only(chosen), len(chosen)
        time_s = _times_at(partition, service, rows, clocks, chosen)
        start_e, start_a = service.event_max_s, service.event_append_s
        self._newest_s = np.maximum.accumulate(np.maximum(rows.times_s, start_e))
        before = np.concatenate([[start_e], self._newest_s[:-1]])
        latest = np.maximum.accumulate(np.where(self._newest_s > before, np.arange(count), -1))
        self._append_s = np.where(latest >= 0, rows.append_s[latest], start_a)
        append_before = np.concatenate([[start_a], self._append_s[:-1]])
        marks = np.empty(2 * count)
        marks[0::2] = np.minimum(time_s, before + time_s - append_before)
        marks[1::2] = np.minimum(time_s, self._newest_s + time_s - self._append_s)
        marks = np.maximum(marks - limits.lateness_s, service.watermark_s)
        self.marks_s = np.maximum.accumulate(marks)
        self.before_s = self.marks_s[0::2]
        minutes = np.floor(self.marks_s / MINUTE_S)
        now = math.floor(service.watermark_s / MINUTE_S) if service.watermark_s > 0 else NEVER_S
        passed = minutes > np.concatenate([[now], minutes[:-1]])
        self.crossings: list[int] = np.flatnonzero(passed).tolist()
        in_time = np.floor(rows.times_s / MINUTE_S) >= minutes[0::2]
        self.in_time = not service.replay_floors and bool(in_time.all())

    def rows(self) -> Rows:
        """The service's rows as they are now: with the series that were admitted meanwhile."""
        return self._slice.only(self.chosen)

    def leave(self, count: int) -> None:
        """Set the service's event time as after `count` rows."""
        if count:
            self.service.event_max_s = float(self._newest_s[count - 1])
            self.service.event_append_s = float(self._append_s[count - 1])


def _times_at(
    partition: PartitionState, service: ServiceWindows, rows: Rows, clocks: SliceClocks,
    chosen: Ints,
) -> Floats:  # fmt: skip
    """T at each row: of the origins waited for there the one that is furthest behind."""
    time_s = np.full(len(chosen), np.inf)
    for origin in {*service.offsets, *distinct(rows.origins)} - partition.silent:
        own_s = clocks.at(origin, chosen)
        heard_s = service.heard_s.get(origin, NEVER_S)
        heard = np.maximum.accumulate(np.where(rows.origins == origin, own_s, heard_s))
        np.minimum(time_s, np.where(heard + HEARD_S >= own_s, own_s, np.inf), out=time_s)
    return time_s
