"""Records that are read with care: batches, given ids, first sights, bad input.

What the quick way of `agents.intake.gather` does not take comes here; both give the same
metrics, faults and ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import UNSET

from agents.intake.decode import MAX_ITEMS, MAX_RECORD_BYTES, Decoded, Fault, decode_record
from agents.intake.origin import place_of
from agents.intake.rows import Gathered, Rows
from agents.intake.wire import NO_TAGS, UNREADABLE, Item, Unusual, Wire, id_bytes, seconds
from liveops.kafka.partitioning import partition_of
from liveops.windows.series import number_of
from liveops.windows.state import SERIES_BITS, Limits, Outputs, PartitionState, SeriesId
from schema.metrics import MAX_FUTURE_S, Metric

#: Names kept before the memory of series is begun anew.
_MAX_KNOWN = 200_000
#: In the place of a series' number: the record is not for the quick way.
UNKNOWN = -(1 << 62)
#: Series as they are written: service, metric type, tags.
Names = tuple[str, str, bytes]


class CarefulReader:
    """Reads records of one partition one by one; remembers the series it has seen."""

    def __init__(
        self, partition: PartitionState, limits: Limits, partitions: int, max_age_s: float
    ) -> None:
        self._partition = partition
        self._limits = limits
        self._partitions = partitions
        self._max_age_s = max_age_s
        #: Packed number, or -1 - the partition of the service.
        self.known: dict[Names, int] = {}
        self._generation = 0

    def refresh(self) -> None:
        """Forget the names when numbers have changed, or when they are too many."""
        if self._generation != self._partition.generation or len(self.known) > _MAX_KNOWN:
            self.known.clear()
            self._generation = self._partition.generation

    def read(
        self, index: int, record: Any, wire: Wire, gathered: Gathered, outputs: Outputs
    ) -> None:
        """Add what record `index` holds; `wire` is the record, or UNREADABLE."""
        if record.value is None:
            gathered.tombstones += 1
            return
        rows = gathered.rows
        mark = len(rows.series)
        try:
            home = self._read_known(wire, len(record.value), index, rows)
            service = wire.service_name
        except Unusual:
            rows.cut(mark)
            service, home = self._read_fully(record, index, wire, gathered, outputs)
        if not service:
            return
        if home != self._partition.home:
            self._send_on(home, service, index, record, gathered)
        elif not gathered.keyed:
            gathered.note(service, index)

    def _send_on(
        self, home: int, service: str, index: int, record: Any, gathered: Gathered
    ) -> None:
        """A record of another partition: forwarded once, the second time it is misrouted."""
        if gathered.keyed:
            fault = Fault("misrouted", None, "forwarded once and on the wrong partition again")
            place = place_of(gathered.rows.origins.at(index), self._partition.home)
            gathered.faults.append((fault, place, record.value))
        else:
            (origin,) = gathered.rows.origins.packed(np.array([index]))
            gathered.forward(home, service, index, record.value, origin)

    def _read_known(self, wire: Wire, size: int, index: int, rows: Rows) -> int:
        """Series seen before; their partition. Raises Unusual for all others."""
        if wire is UNREADABLE or size > MAX_RECORD_BYTES:
            raise Unusual
        service = wire.service_name
        append_s = float(rows.origins.append_s[index])
        if wire.metrics is UNSET:
            return self._take(service, wire, index, append_s, rows)
        if wire.metric_type or wire.tags is not NO_TAGS or wire.timestamp is not None or wire.id:
            raise Unusual
        home = -1
        for item in wire.metrics:
            if item.service_name is not None and item.service_name != service:
                raise Unusual
            home = self._take(service, item, index, append_s, rows)
        if home < 0 or len(wire.metrics) > MAX_ITEMS or wire.value == wire.value:
            raise Unusual
        return home

    def _take(
        self, service: str, item: Wire | Item, index: int, append_s: float, rows: Rows
    ) -> int:
        """Add one metric as a row; returns its partition. Raises Unusual."""
        number = self.known.get((service, item.metric_type, bytes(item.tags)))
        if number is None:
            raise Unusual
        value = item.value
        time_s = seconds(item.timestamp, append_s)
        if not append_s - self._max_age_s <= time_s <= append_s + MAX_FUTURE_S:
            raise Unusual
        if value - value != 0.0:  # infinite or not a number
            raise Unusual
        if number < 0:
            return -1 - number
        if item.id is not None:
            rows.ids[len(rows.series)] = id_bytes(item.id)
        rows.add(number, value, time_s, index)
        return self._partition.home

    def _read_fully(
        self,
        record: Any,
        index: int,
        wire: Wire,
        gathered: Gathered,
        outputs: Outputs,
    ) -> tuple[str, int]:
        """The careful way: check everything, name what is wrong, learn the series."""
        place = place_of(gathered.rows.origins.at(index), self._partition.home)
        decoded = decode_record(record.value, place, self._max_age_s, derive_ids=False)
        if not gathered.keyed:
            gathered.faults += [(fault, place, record.value) for fault in decoded.faults]
        if not decoded.metrics:
            return "", -1
        service = decoded.metrics[0].service_name
        home = partition_of(service, self._partitions)
        if home == self._partition.home:
            numbers = [
                self._take_metric(metric, index, decoded, gathered.rows, outputs)
                for metric in decoded.metrics
            ]
        else:
            numbers = [-1 - home] * len(decoded.metrics)
        if not decoded.faults:
            self._learn(wire, numbers)
        return service, home

    def _learn(self, wire: Wire, numbers: list[int | None]) -> None:
        """Remember the names as they are written in the record, for the quick way."""
        if wire is UNREADABLE:
            return
        items: Sequence[Wire | Item] = [wire] if wire.metrics is UNSET else wire.metrics
        for item, number in zip(items, numbers, strict=True):
            if number is not None:
                self.known[wire.service_name, item.metric_type, bytes(item.tags)] = number

    def _take_metric(
        self, metric: Metric, index: int, decoded: Decoded, rows: Rows, outputs: Outputs
    ) -> int | None:
        """Add a checked metric as a row; its number, None when that is the overflow's."""
        partition = self._partition
        service = partition.service(metric.service_name)
        series = SeriesId(metric.metric_type, tuple(sorted(metric.tags.items())))
        number, own = number_of(partition, service, series, self._limits, outputs)
        packed = service.number << SERIES_BITS | number
        if metric.id in decoded.given_ids:
            rows.ids[len(rows.series)] = id_bytes(metric.id)
        rows.add(packed, metric.value, metric.timestamp_s, index)
        return packed if own else None
