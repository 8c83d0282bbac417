"""What counters and deltas grew by in a window. Pure.

A counter's increase is a function of the set of its samples (`liveops.windows.samples`): each
adds its difference to the one before it, also across minutes, to the window it is in. A sample
with none before it within an hour adds nothing, or itself where its sender told that the
counter began at 0 within that hour.
"""

from __future__ import annotations

import numpy as np

from liveops.windows.block import TOTAL, Block
from liveops.windows.buckets import Floats, Ints
from liveops.windows.counters import COUNTER, DELTA, GAP_US, NEVER_US, Counters, Lasts
from liveops.windows.panes import minute_block
from liveops.windows.samples import Columns, Edges
from liveops.windows.state import MINUTE_S, PartitionState, ServiceWindows

_US = 1_000_000


def increases(
    partition: PartitionState, service: ServiceWindows, block: Block, size: int, start: int,
    series: Ints,
) -> Floats | None:  # fmt: skip
    """What each series of a window grew by, NaN where it is of another kind.

    `block` is the window's; None when the service has gauges alone.
    """
    if not service.has_kinds:
        return None
    kinds = service.kinds[series]
    found = np.full(len(series), np.nan)
    is_delta, is_counter = kinds == DELTA, kinds == COUNTER
    if is_delta.any():
        found[is_delta] = block.columns(series[is_delta])[TOTAL]
    if is_counter.any():
        found[is_counter] = _grown(partition, service, size, start, series[is_counter])
    return found


def _grown(
    partition: PartitionState, service: ServiceWindows, size: int, start: int, numbers: Ints
) -> Floats:
    total = np.zeros(len(numbers))
    for minute in sorted(service.kept):
        if start <= minute < start + size:
            total += _of_minute(partition, service, minute)[numbers]
    return total


def _of_minute(partition: PartitionState, service: ServiceWindows, minute: int) -> Floats:
    """What each series grew by in a minute, by number; kept when that is closed."""
    counters = service.counters
    found = counters.grown.get(minute)
    if found is not None:
        missing = len(service.series) - len(found)
        if missing:  # series that were not there then
            found = counters.grown[minute] = np.append(found, np.zeros(missing))
        return found
    found = np.zeros(len(service.series))
    edges = _edges(partition, service, minute)
    if edges is not None:
        grown, _ = growth(partition, service, minute, edges)
        found[edges.series] = grown
    if minute + MINUTE_S <= service.watermark_s:
        counters.grown[minute] = found
    return found


def growth(
    partition: PartitionState, service: ServiceWindows, minute: int, edges: Edges
) -> tuple[Floats, Ints]:
    """What each series with samples in a minute grew by in it, and how often it fell."""
    before_us, before = _lasts_before(partition, service, minute, edges.series)
    rise = edges.first - before
    follows = minute * _US + edges.first_us - before_us <= GAP_US
    first = np.where(edges.begins, edges.first, 0.0)
    first = np.where(follows, np.where(rise >= 0, rise, edges.first), first)
    return edges.inner + first, edges.falls + (follows & (rise < 0))


def falls_in(
    partition: PartitionState, service: ServiceWindows, minute: int
) -> list[tuple[int, int]]:
    """Series that fell in a minute, and how often."""
    edges = _edges(partition, service, minute) if service.has_kinds else None
    if edges is None:
        return []
    _, falls = growth(partition, service, minute, edges)
    fell = falls > 0
    return list(zip(edges.series[fell].tolist(), falls[fell].tolist(), strict=True))


def _edges(partition: PartitionState, service: ServiceWindows, minute: int) -> Edges | None:
    samples = minute_block(partition, service, minute).samples
    return None if samples is None else samples.edges()


def _lasts_before(
    partition: PartitionState, service: ServiceWindows, start: int, numbers: Ints
) -> tuple[Ints, Floats]:
    """The last sample of each of these series before a moment; NEVER_US where none is known."""
    counters = service.counters
    us, values = np.full(len(numbers), NEVER_US), np.zeros(len(numbers))
    waiting = np.arange(len(numbers))
    known = counters.before if counters.before_s <= start else None
    for minute in sorted((m for m in service.kept if m < start), reverse=True):
        if known is not None and minute < counters.before_s:
            break
        edges = _edges(partition, service, minute)
        if edges is not None:
            at = np.minimum(edges.series.searchsorted(numbers[waiting]), len(edges.series) - 1)
            is_here = edges.series[at] == numbers[waiting]
            here = waiting[is_here]
            us[here] = minute * _US + edges.last_us[at[is_here]]
            values[here] = edges.last[at[is_here]]
            waiting = waiting[~is_here]
        if not len(waiting):
            break
    if known is not None:
        us[waiting], values[waiting] = known.of(numbers[waiting])
    # A minute that was dropped is kept again after a crash, as it was stored before its last
    # samples came: `dropped` has those.
    dropped_us, dropped = counters.dropped.of(numbers)
    is_newer = (dropped_us > us) | ((dropped_us == us) & (dropped > values))
    is_newer &= dropped_us < start * _US
    us, values = np.where(is_newer, dropped_us, us), np.where(is_newer, dropped, values)
    us[us >= start * _US] = NEVER_US
    return us, values


def pass_minutes(partition: PartitionState, service: ServiceWindows) -> None:
    """Note the last samples of the minutes that are closed now: most windows ask for them."""
    counters = service.counters
    first_open = int(service.watermark_s // MINUTE_S) * MINUTE_S
    numbers = np.flatnonzero(service.kinds[: len(service.series)] == COUNTER)
    us, values = _lasts_before(partition, service, first_open, numbers)
    counters.before, counters.before_s = Lasts(), first_open
    counters.before.note(numbers, us, values)


def add_samples(
    partition: PartitionState, service: ServiceWindows, start: int, block: Block, added: Columns
) -> None:
    """Add samples to a minute; if it is closed, what follows them is to be corrected."""
    samples = block.counter_samples()
    if start + MINUTE_S > service.watermark_s:
        samples.add(added)
        return
    before = _last_by_number(service, samples.edges())
    samples.add(added)
    edges = samples.edges()
    is_new = _last_by_number(service, edges)[:, edges.series] != before[:, edges.series]
    chosen = is_new.any(axis=0)
    lasts = edges.series[chosen], start * _US + edges.last_us[chosen], edges.last[chosen]
    if service.counters.before is not None and start < service.counters.before_s:
        service.counters.before.note(*lasts)
    correct_followers(partition, service, start, lasts[0])


def _last_by_number(service: ServiceWindows, edges: Edges) -> Floats:
    found = np.full((2, len(service.series)), -1.0)
    found[0, edges.series], found[1, edges.series] = edges.last_us, edges.last
    return found


def _forget_grown(counters: Counters, start: int) -> None:
    for minute in [minute for minute in counters.grown if minute >= start]:
        del counters.grown[minute]


def correct_followers(
    partition: PartitionState, service: ServiceWindows, start: int, numbers: Ints
) -> None:
    """The last samples of these series in a minute are others: so is what follows them."""
    _forget_grown(service.counters, start)
    for minute in sorted(m for m in service.kept if m > start):
        if not len(numbers):
            return
        edges = _edges(partition, service, minute)
        if edges is None:
            continue
        is_here = np.isin(numbers, edges.series)
        here, numbers = numbers[is_here], numbers[~is_here]
        if minute + MINUTE_S <= service.watermark_s:
            if len(here):
                service.corrections.setdefault(minute, set()).update(here.tolist())
        else:
            service.minutes[minute].mark_changed(here)


def note_too_late(
    partition: PartitionState, service: ServiceWindows, number: int, time_s: float, value: float
) -> None:
    """A sample of a minute that was dropped: what follows it here may have to look back to it."""
    sample = np.array([number]), np.array([round(time_s * _US)]), np.array([value])
    newer = service.counters.drop(*sample)
    if len(newer):
        if service.counters.before is not None:
            service.counters.before.note(*sample)
        service.unstored = True
        correct_followers(partition, service, int(time_s // MINUTE_S) * MINUTE_S, newer)


def drop_minute(partition: PartitionState, service: ServiceWindows, minute: int) -> set[int]:
    """Keep the last samples of a minute that is dropped; series whose samples were too many."""
    service.counters.grown.pop(minute, None)
    samples = minute_block(partition, service, minute).samples
    if samples is None:
        return set()
    edges = samples.edges()
    service.counters.drop(edges.series, minute * _US + edges.last_us, edges.last)
    return samples.torn
