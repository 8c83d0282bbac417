"""Values of senders that know nothing of LiveOps, on their way into records. Pure.

Items are written as text at once, each as the head of its series, value and time: an object a
value would cost more than all the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import orjson

from liveops.intake.foreign_series import Written
from liveops.intake.histograms import Explicit
from schema.metrics import MAX_FUTURE_S, MetricFault
from schema.times import format_time

#: Items and bytes of one record; brokers and readers take records up to 1 MB.
PER_RECORD, RECORD_BYTES = 500, 400_000
#: Bytes of items that wait for more of their service: a symbol of remote write 2.0 may be named by
#: each of 100,000 services.
HELD_BYTES = 4 * 1024 * 1024
#: Times of one body that are kept as text; most of its values share a few.
_MAX_STAMPS = 10_000
#: A counter that began longer ago was not seen then: its first value would be the work of hours.
MAX_START_AGE_S = 300.0
_NOT_ALLOWED = MetricFault(["service_name"], "this token may not write for it", "not_allowed")
_NOT_FINITE = MetricFault(["value"], "must be a finite number", "not_finite")
Record = tuple[str, bytes]


class ForeignItems:
    """Takes the values of one body; counts what it takes and what it does not.

    `may_write` tells whether the sender may write for a service. `ended` counts series that their
    sender has told to have ended.
    """

    def __init__(
        self, may_write: Callable[[str], bool], now_s: float, max_age_s: float, ticks: float
    ) -> None:
        """`ticks` is how many of the sender's units of time are a second."""
        self._may_write = may_write
        self._now_s = now_s
        self._max_age_s = max_age_s
        self._ticks = ticks
        self._items: dict[str, list[bytes] | None] = {}
        self._sizes: Counter[str] = Counter()
        self._held_bytes = 0
        self._stamps: dict[int, bytes | MetricFault] = {}
        self._full: list[Record] = []
        self.taken = 0
        self.refusals = 0
        self.ended = 0
        self.refused: Counter[str] = Counter()
        self.first_fault: MetricFault | None = None

    def value(self, series: Written, value: float, time: int, start: int = 0) -> None:
        """One value; `start` is when its counter began, 0 where that is not told."""
        if value - value != 0:  # infinite, or NaN
            self.refuse(_NOT_FINITE)
            return
        text = orjson.dumps(value)
        if start and series.kind == "counter" and self.is_recent(start, time):
            text += b',"start":"%b"' % format_time(start / self._ticks).encode()
        self._add(series, text, time)

    def histogram(self, series: Written, found: Explicit, time: int) -> None:
        """The values of one interval, by bucket."""
        self._add(series, found.as_json(), time)

    def _add(self, series: Written, text: bytes, time: int) -> None:
        stamp = self._stamps.get(time)
        if stamp is None:
            stamp = self._stamp(time)
        if isinstance(stamp, MetricFault):
            self.refuse(stamp)
            return
        service = series.service
        items = self._items.get(service)
        if items is None:
            items = self._open(service)
            if items is None:
                self.refuse(_NOT_ALLOWED)
                return
        item = series.head + text + stamp
        if len(items) == PER_RECORD or self._sizes[service] + len(item) > RECORD_BYTES:
            self._close(service)
        items.append(item)
        self._sizes[service] += len(item)
        self._held_bytes += len(item)
        self.taken += 1
        if self._held_bytes > HELD_BYTES:
            for held in list(self._sizes):
                self._close(held)

    def is_recent(self, start: int, time: int) -> bool:
        """Whether something began at `start`, 0 where nobody knows, of which all counts now."""
        return start > 0 and 0 <= time - start <= MAX_START_AGE_S * self._ticks

    def refuse(self, fault: MetricFault, count: int = 1) -> None:
        """So many values are not taken."""
        self.refusals += count
        self.refused[fault.reason] += count
        if self.first_fault is None:
            self.first_fault = fault

    def full(self) -> Sequence[Record]:
        """Records (service, value) that are ready; each is given once."""
        if not self._full:
            return ()
        full, self._full = self._full, []
        return full

    def rest(self) -> Iterator[Record]:
        """All that are left."""
        for service in list(self._sizes):
            self._close(service)
            yield from self.full()

    def _open(self, service: str) -> list[bytes] | None:
        """The items of a service; None where the sender may not write for it."""
        if service not in self._items:
            self._items[service] = [] if self._may_write(service) else None
        return self._items[service]

    def _close(self, service: str) -> None:
        """Make a record of the items of a service."""
        items = self._items[service] or []
        name = orjson.dumps(service)
        value = b'{"service_name":%b,"metrics":[%b]}' % (name, b",".join(items))
        self._full.append((service, value))
        items.clear()
        self._held_bytes -= self._sizes.pop(service)

    def _stamp(self, time: int) -> bytes | MetricFault:
        """The end of an item of this time."""
        time_s = time / self._ticks
        stamp: bytes | MetricFault
        if time_s > self._now_s + MAX_FUTURE_S:
            stamp = MetricFault(["timestamp"], "more than 10 minutes in the future", "future")
        elif time_s < self._now_s - self._max_age_s:
            stamp = MetricFault(["timestamp"], "older than the retention", "too_old")
        else:
            stamp = b',"timestamp":"%b"}' % format_time(time_s).encode()
        if len(self._stamps) >= _MAX_STAMPS:
            self._stamps.clear()
        self._stamps[time] = stamp
        return stamp


def told(refused: Mapping[str, int], first: MetricFault | None) -> str:
    """What was refused, in one line."""
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(refused.items()))
    return counts if first is None else f"{counts}; first: {'.'.join(map(str, first.loc))} {first}"
