"""Rows of one minute of a service, and how each kind is added to it. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from liveops.intake.details import Details
from liveops.windows.admission import note_seen
from liveops.windows.buckets import Floats, Ints
from liveops.windows.counters import COUNTER, GAP_US
from liveops.windows.increase import add_samples
from liveops.windows.panes import minute_block
from liveops.windows.rows import SERIES_MASK, Rows, only_some
from liveops.windows.samples import Bools, keys_at, new_samples
from liveops.windows.sent_histograms import summaries
from liveops.windows.state import MINUTE_S, SIZES, PartitionState, ServiceWindows
from schema.kinds import Histogram


class MinuteRows(NamedTuple):
    """Rows of one minute of a service, as columns of `Rows`."""

    series: Ints
    values: Floats
    times_s: Floats
    append_s: Floats
    details: Details | None
    histograms: dict[int, Histogram]

    def only(self, chosen: npt.NDArray[Any]) -> MinuteRows:
        """Some rows, by mask or position."""
        return MinuteRows(
            self.series[chosen], self.values[chosen], self.times_s[chosen], self.append_s[chosen],
            self.details and self.details.only(chosen),
            only_some(self.histograms, chosen, len(self.series)),
        )  # fmt: skip


def rows_of_minute(rows: Rows, chosen: Ints) -> MinuteRows:
    """These rows, which are of one minute."""
    return MinuteRows(
        rows.series[chosen], rows.values[chosen], rows.times_s[chosen], rows.append_s[chosen],
        rows.details and rows.details.only(chosen),
        only_some(rows.histograms, chosen, len(rows.series)),
    )  # fmt: skip


def first_of_their_time(
    partition: PartitionState, service: ServiceWindows, start: int, rows: MinuteRows
) -> Bools | None:
    """Which rows count: of those that count once the first of its time. None: all do.

    What is here is remembered; it must be added. An overflow series is many: all of it counts.
    """
    if rows.details is None or not rows.details.once.any():
        return None
    once = rows.details.once
    if service.overflow:
        once = once & ~np.isin(rows.series & SERIES_MASK, list(service.overflow))
    keys = keys_at(rows.series[once] & SERIES_MASK, rows.times_s[once], start)
    kept = np.ones(len(once), bool)
    kept[once] = minute_block(partition, service, start).once_times().first(keys)
    partition.repeated += int(len(kept) - kept.sum())
    return kept


def add_rows(
    partition: PartitionState, service: ServiceWindows, start: int, rows: MinuteRows
) -> None:
    """Add rows to a minute, and to the open larger windows when it is closed already."""
    if not len(rows.series):
        return
    numbers, block = rows.series & SERIES_MASK, minute_block(partition, service, start)
    blocks = [block]
    if start + MINUTE_S <= service.watermark_s:
        rollups = [service.rollups.get((size, start // size * size)) for _, size in SIZES[1:]]
        blocks += [rollup for rollup in rollups if rollup is not None]
    if rows.histograms:
        parts = summaries(numbers, rows.append_s, rows.histograms)
        for each in blocks:
            for part in parts:
                each.take(*part)
        note_seen(service, np.unique(numbers[list(rows.histograms)]), start)
        is_single = np.ones(len(numbers), bool)
        is_single[list(rows.histograms)] = False
        rows, numbers = rows.only(is_single), numbers[is_single]
        if not len(numbers):
            return
    for each in blocks:
        touched = each.add(numbers, rows.values, rows.append_s)
    note_seen(service, touched, start)
    if service.has_kinds:
        _add_counters(partition, service, start, rows, numbers)


def _add_counters(
    partition: PartitionState, service: ServiceWindows, start: int, rows: MinuteRows,
    numbers: Ints,
) -> None:  # fmt: skip
    is_counter = service.kinds[numbers] == COUNTER
    if not is_counter.any():
        return
    times_s, values = rows.times_s[is_counter], rows.values[is_counter]
    begins = np.zeros(len(values), bool)
    if rows.details is not None:
        began_s = rows.details.starts_s[is_counter]
        begins = times_s - began_s <= GAP_US / 1e6  # not where it is NaN
    keys = keys_at(numbers[is_counter], times_s, start)
    block = minute_block(partition, service, start)
    add_samples(partition, service, start, block, new_samples(keys, values, begins))
