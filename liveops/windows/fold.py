"""The fold: records in, closed windows out. Pure; the log alone decides.

Tumbling windows of 1, 5 and 15 minutes aligned to the Unix epoch; a value at t belongs
to `start ≤ t < start + size`. The larger ones are merged from the minutes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from liveops.windows.state import (
    LARGEST_S,
    MINUTE_S,
    NEVER_S,
    OVERFLOW_TAGS,
    SIZES,
    SeriesId,
    ServiceState,
)
from liveops.windows.summary import Summary, aggregate
from liveops.windows.watermark import watermark
from schema.metrics import Aggregate, Metric

#: How long ids given by clients are remembered.
REMEMBER_IDS_S = 900.0
#: A series unseen for this long leaves the count of the cardinality limit.
FORGET_SERIES_S = 3600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Lateness and cardinality, in seconds and series."""

    lateness_s: float = 10.0
    allowed_lateness_s: float = 300.0
    max_series: int = 5000


@dataclass(frozen=True, slots=True)
class Arrival:
    """A metric with the broker time of its record; `remember` when its id was given."""

    metric: Metric
    append_s: float
    remember: bool = False


@dataclass(slots=True)
class Outputs:
    """What a fold gives: closed windows, too-late metrics, and what it counted."""

    closed: list[Aggregate] = field(default_factory=list)
    too_late: list[Metric] = field(default_factory=list)
    folded: int = 0
    duplicates: int = 0
    corrected: int = 0
    overflowed: int = 0


def fold(
    state: ServiceState,
    arrivals: list[Arrival],
    partition_s: float,
    limits: Limits,
    outputs: Outputs,
) -> float:
    """Apply the arrivals of one service in log order; returns the new partition time T."""
    for arrival in arrivals:
        partition_s = max(partition_s, arrival.append_s)
        advance(state, partition_s, limits, outputs)
        if arrival.remember and not _first_sight(state, arrival):
            outputs.duplicates += 1
            continue
        _apply(state, arrival, limits, outputs)
        advance(state, partition_s, limits, outputs)
    return partition_s


def advance(state: ServiceState, partition_s: float, limits: Limits, outputs: Outputs) -> None:
    """Move the service's watermark with the partition's time and close what it passed."""
    if state.event_max_s == NEVER_S:
        return
    mark = watermark(state.event_max_s, state.event_append_s, partition_s, limits.lateness_s)
    before = state.watermark_s
    if mark <= before:
        return
    state.watermark_s = mark
    if before == NEVER_S or math.floor(mark / MINUTE_S) > math.floor(before / MINUTE_S):
        _close(state, before, outputs)
        _forget(state, limits)


def _first_sight(state: ServiceState, arrival: Arrival) -> bool:
    if arrival.metric.id in state.seen_ids:
        return False
    state.seen_ids[arrival.metric.id] = arrival.append_s
    return True


def _apply(state: ServiceState, arrival: Arrival, limits: Limits, outputs: Outputs) -> None:
    metric = arrival.metric
    state.dirty = True
    start = int(metric.timestamp_s // MINUTE_S) * MINUTE_S
    largest_end = start // LARGEST_S * LARGEST_S + LARGEST_S
    if metric.timestamp_s > state.event_max_s:
        state.event_max_s = metric.timestamp_s
        state.event_append_s = arrival.append_s
    if largest_end + limits.allowed_lateness_s <= state.watermark_s:
        outputs.too_late.append(metric)
        return
    series = _series(state, metric, limits, outputs)
    minute = state.minutes.setdefault(start, {})
    summary = minute.get(series)
    if summary is None:
        summary = minute[series] = Summary()
    summary.add(metric.value, arrival.append_s)
    outputs.folded += 1
    state.dirty_minutes.add(start)
    if start + MINUTE_S <= state.watermark_s:
        state.corrections.add((start, series))
        outputs.corrected += 1
    else:
        state.changed.add((start, series))


def _series(state: ServiceState, metric: Metric, limits: Limits, outputs: Outputs) -> SeriesId:
    series = SeriesId(metric.metric_type, tuple(sorted(metric.tags.items())))
    known = state.last_seen_s.get(series)
    if known is None and len(state.last_seen_s) >= limits.max_series:
        outputs.overflowed += 1
        return SeriesId(metric.metric_type, OVERFLOW_TAGS)
    if known is None or metric.timestamp_s > known:
        state.last_seen_s[series] = metric.timestamp_s
    return series


def _close(state: ServiceState, before_s: float, outputs: Outputs) -> None:
    """Emit every window whose end the watermark passed since `before_s`."""
    for name, size in SIZES:
        starts = {minute // size * size for minute in state.minutes}
        for start in sorted(starts):
            if before_s < start + size <= state.watermark_s:
                for series in _members(state, start, size):
                    outputs.closed.append(_closed(state, name, size, start, series))
    state.changed = {item for item in state.changed if item[0] + MINUTE_S > state.watermark_s}
    state.dirty = True


def correct(state: ServiceState, outputs: Outputs) -> None:
    """Emit the corrections gathered since the last call: revision + 1, once a window."""
    touched: set[tuple[str, int, int, SeriesId]] = set()
    for minute, series in state.corrections:
        for name, size in SIZES:
            start = minute // size * size
            if start + size <= state.watermark_s:
                touched.add((name, size, start, series))
    for name, size, start, series in sorted(touched, key=lambda item: (item[1:3], item[3])):
        outputs.closed.append(_closed(state, name, size, start, series))
    if state.corrections:
        state.corrections.clear()
        state.dirty = True


def open_windows(state: ServiceState, partition_s: float) -> list[Aggregate]:
    """Aggregates of the open windows changed since the last call."""
    wanted = {
        (size, name, minute // size * size, series)
        for minute, series in state.changed
        for name, size in SIZES
    }
    state.changed.clear()
    now_s = min(partition_s, state.event_max_s + partition_s - state.event_append_s)
    found: list[Aggregate] = []
    for size, name, start, series in sorted(wanted):
        if start + size > state.watermark_s:
            found.append(
                _aggregate(state, name, size, start, series, now_s - start, final=False, revision=0)
            )
    return found


def _members(state: ServiceState, start: int, size: int) -> list[SeriesId]:
    found: set[SeriesId] = set()
    for minute in range(start, start + size, MINUTE_S):
        found.update(state.minutes.get(minute, ()))
    return sorted(found)


def _closed(state: ServiceState, name: str, size: int, start: int, series: SeriesId) -> Aggregate:
    key = (name, start, series)
    revision = state.revisions.get(key, -1) + 1
    state.revisions[key] = revision
    state.dirty_minutes.add(start)
    return _aggregate(state, name, size, start, series, size, final=True, revision=revision)


def _aggregate(
    state: ServiceState,
    name: str,
    size: int,
    start: int,
    series: SeriesId,
    elapsed_s: float,
    *,
    final: bool,
    revision: int,
) -> Aggregate:
    merged = Summary()
    for minute in range(start, start + size, MINUTE_S):
        part = state.minutes.get(minute, {}).get(series)
        if part is not None:
            merged.merge(part)
    return aggregate(
        merged,
        service=state.service,
        metric_type=series.metric_type,
        tags=dict(series.tags),
        window=name,
        start_s=start,
        size_s=size,
        elapsed_s=elapsed_s,
        final=final,
        revision=revision,
    )


def _forget(state: ServiceState, limits: Limits) -> None:
    """Drop minutes past the allowed lateness, old ids and series long unseen."""
    horizon = state.watermark_s - limits.allowed_lateness_s
    gone = [
        start for start in state.minutes if start // LARGEST_S * LARGEST_S + LARGEST_S <= horizon
    ]
    for start in gone:
        del state.minutes[start]
        state.dirty_minutes.add(start)
    for key in [k for k in state.revisions if k[1] // LARGEST_S * LARGEST_S + LARGEST_S <= horizon]:
        del state.revisions[key]
        state.dirty_minutes.add(key[1])
    newest = state.event_append_s
    for identity in [i for i, s in state.seen_ids.items() if s < newest - REMEMBER_IDS_S]:
        del state.seen_ids[identity]
    stale = state.watermark_s - FORGET_SERIES_S
    for series in [s for s, last in state.last_seen_s.items() if last < stale]:
        del state.last_seen_s[series]
