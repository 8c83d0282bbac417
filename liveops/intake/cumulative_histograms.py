"""Histograms that count from the beginning, as what was added since the last one. Pure.

A histogram of ours is of one interval. What Prometheus and most of OpenTelemetry send counts from
the start of the process, so the last one of each series is kept and the next one tells what is
new. The first of a series adds nothing, unless it began a short while ago. After a restart of
LiveOps one interval is missing from the quantiles; count and sum are counters beside it, of which
nothing is ever missing.
"""

from __future__ import annotations

from typing import NamedTuple

from liveops.intake.foreign_items import ForeignItems
from liveops.intake.foreign_series import Remembered, Written
from liveops.intake.histograms import Exponential
from schema.metrics import MetricFault

#: About what a bucket takes in memory.
_BUCKET_BYTES = 100
_LATE = MetricFault(["timestamp"], "is before that of a histogram seen", "out_of_order")


class _Seen(NamedTuple):
    found: Exponential
    time: int


class LastHistograms:
    """The last histogram of each series that a worker has met, within `max_bytes` or so."""

    def __init__(self, max_bytes: int) -> None:
        self._seen: Remembered[tuple[str, bytes], _Seen] = Remembered(max_bytes)

    def get(self, series: Written) -> _Seen | None:
        """The last of a series, if it is remembered."""
        return self._seen.get((series.service, series.head))

    def put(self, series: Written, seen: _Seen) -> None:
        """The last of a series from now on."""
        buckets = len(seen.found.positive) + len(seen.found.negative)
        size_bytes = 2 * len(series.head) + _BUCKET_BYTES * (buckets + 5)
        self._seen.put((series.service, series.head), seen, size_bytes)


class Differences:
    """What the histograms of one body add; kept for the next body only when that is told.

    A body that did not reach the broker is sent again and must add the same then.
    """

    def __init__(self, last: LastHistograms) -> None:
        self._last = last
        self._new: dict[Written, _Seen] = {}

    def add(
        self, series: Written, found: Exponential, time: int, start: int, items: ForeignItems
    ) -> None:
        """The histogram of a series at a time; the difference becomes an item."""
        before = self._new.get(series) or self._last.get(series)
        if before is not None and time <= before.time:
            if time < before.time:
                items.refuse(_LATE)
            return
        self._new[series] = _Seen(found, time)
        added: Exponential | None = None
        if before is None:
            added = found if items.is_recent(start, time) else None
        elif before.found.zero_threshold == found.zero_threshold:
            added = found.since(before.found) or found  # it has begun anew
        if added is not None and added.count:
            items.histogram(series, added.explicit(), time)

    def keep(self) -> None:
        """All of it is with the broker."""
        for series, seen in self._new.items():
            self._last.put(series, seen)
