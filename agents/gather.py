"""From a chunk of records to the columns the fold takes, as fast as Python can.

A series seen before is known by the bytes of its names and tags, so only its first
metric goes through the full check of `agents.decode`; so does whatever looks unusual.
Both ways give the same metrics, faults and ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from agents.decode import MAX_ITEMS, MAX_RECORD_BYTES, Decoded, Fault, decode_record
from agents.origin import Origin, origins_of, pack_origin, place_of
from agents.rows import Forward, Gathered, Rows
from agents.wire import NO_TAGS, NOT_QUICK, Item, Unusual, Wire, decode_wire, id_bytes, seconds
from liveops.kafka.partitioning import partition_of
from liveops.windows.series import number_of
from liveops.windows.state import SERIES_BITS, Limits, Outputs, PartitionState, SeriesId
from schema.metrics import MAX_FUTURE_S, Metric
from schema.topics import RAW, RAW_KEYED

#: Names kept before the memory of series is begun anew.
_MAX_KNOWN = 200_000


class Gatherer:
    """Reads chunks of one partition; remembers the series it has seen."""

    def __init__(
        self, partition: PartitionState, limits: Limits, partitions: int, max_age_s: float
    ) -> None:
        self._partition = partition
        self._limits = limits
        self._partitions = partitions
        self._max_age_s = max_age_s
        #: (service, metric type, tags as written) → packed number, or -1 - its partition.
        self._known: dict[tuple[str, str, bytes], int] = {}
        self._generation = 0

    def gather(self, topic: str, records: Sequence[Any], outputs: Outputs) -> Gathered:
        """Decode, check and number the metrics of records in log order."""
        if self._generation != self._partition.generation or len(self._known) > _MAX_KNOWN:
            self._known.clear()
            self._generation = self._partition.generation
        keyed = topic == RAW_KEYED
        home = self._partition.home
        gathered = Gathered(Rows(origins_of(topic, home, records)))
        until = self._partition.replay_until.get(home, -1)
        if keyed or (records and records[0].offset <= until):
            self._read_some(topic, records, gathered, outputs)
        else:
            self._read_new(records, gathered, outputs)
        if not keyed and records:
            self._partition.replay_until[home] = max(until, records[-1].offset)
        return gathered

    def _read_new(self, records: Sequence[Any], gathered: Gathered, outputs: Outputs) -> None:
        """Records never read before. The hot loop: each step of it is a metric's price."""
        known, max_age_s = self._known, self._max_age_s
        rows, decode = gathered.rows, decode_wire
        add_series, add_value = rows.series.append, rows.values.append
        add_time, add_record = rows.times_s.append, rows.record.append
        pairs = zip(records, rows.origins.append_s, strict=True)
        for index, (record, append_s) in enumerate(pairs):
            try:
                wire = decode(record.value)
                number = known[wire.service_name, wire.metric_type, bytes(wire.tags)]
                value = wire.value
                time_s: Any = wire.timestamp
                if time_s is None:
                    time_s = append_s
                elif time_s.__class__ is not float:
                    time_s = time_s.timestamp()
            except NOT_QUICK:
                self._read_other(RAW, index, record, gathered, outputs)
                continue
            if (
                number < 0
                or wire.id is not None
                or wire.metrics is not UNSET
                or not append_s - max_age_s <= time_s <= append_s + MAX_FUTURE_S
                or value - value != 0.0  # infinite or not a number
            ):
                self._read_other(RAW, index, record, gathered, outputs)
                continue
            add_series(number)
            add_value(value)
            add_time(time_s)
            add_record(index)

    def _read_some(
        self, topic: str, records: Sequence[Any], gathered: Gathered, outputs: Outputs
    ) -> None:
        """Records of which some may have been applied before."""
        rows = gathered.rows
        for index, record in enumerate(records):
            mark = len(rows.series)
            service = self._read_other(topic, index, record, gathered, outputs)
            if len(rows.series) > mark and self._replayed(service, rows.origins.at(index)):
                rows.cut(mark)
                outputs.replayed += 1

    def _read_other(
        self, topic: str, index: int, record: Any, gathered: Gathered, outputs: Outputs
    ) -> str:
        """Any record: batches, foreign services, given ids, bad input; its service, or ""."""
        if record.value is None:
            gathered.tombstones += 1
            return ""
        keyed = topic == RAW_KEYED
        rows = gathered.rows
        mark = len(rows.series)
        try:
            service, at = self._read_known(record, index, gathered.rows)
        except NOT_QUICK:
            rows.cut(mark)
            service, at = self._read_fully(record, index, gathered, keyed, outputs)
        if service and at != self._partition.home:
            self._pass_on(at, service, record, rows.origins.at(index), gathered, keyed)
        if service and not keyed:
            gathered.others.append((index, service))
        return service

    def _read_known(self, record: Any, index: int, rows: Rows) -> tuple[str, int]:
        """Series seen before. Raises Unusual for all others."""
        if len(record.value) > MAX_RECORD_BYTES:
            raise Unusual
        wire = decode_wire(record.value)
        service = wire.service_name
        if wire.metrics is UNSET:
            home = self._take(service, wire, index, rows)
            return service, home
        if wire.metric_type or wire.tags is not NO_TAGS or wire.timestamp is not None or wire.id:
            raise Unusual
        home = -1
        for item in wire.metrics:
            if item.service_name is not None and item.service_name != service:
                raise Unusual
            home = self._take(service, item, index, rows)
        if home < 0 or len(wire.metrics) > MAX_ITEMS or wire.value == wire.value:
            raise Unusual
        return service, home

    def _take(self, service: str, item: Wire | Item, index: int, rows: Rows) -> int:
        """Add one metric as a row; returns its partition. Raises Unusual."""
        number = self._known.get((service, item.metric_type, bytes(item.tags)))
        if number is None:
            raise Unusual
        value, append_s = item.value, rows.origins.append_s[index]
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
        gathered: Gathered,
        keyed: bool,
        outputs: Outputs,
    ) -> tuple[str, int]:
        """The careful way: check everything, name what is wrong, learn the series."""
        place = place_of(gathered.rows.origins.at(index), self._partition.home)
        decoded = decode_record(record.value, place, self._max_age_s)
        if not keyed:
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
            self._learn(record.value, numbers)
        return service, home

    def _learn(self, value: bytes, numbers: list[int | None]) -> None:
        """Remember the names as they are written in the record, for the quick way."""
        try:
            wire = decode_wire(value)
        except msgspec.DecodeError:
            return
        items: Sequence[Wire | Item] = [wire] if wire.metrics is UNSET else wire.metrics
        for item, number in zip(items, numbers, strict=True):
            if number is not None:
                key = (wire.service_name, item.metric_type, bytes(item.tags))
                self._known[key] = number

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

    def _replayed(self, name: str, origin: Origin) -> bool:
        """Whether the service has this record; notes how far it has its origin."""
        number, offset, _ = origin
        offsets = self._partition.service(name).offsets
        if offset <= offsets.get(number, -1):
            return True
        offsets[number] = offset
        return False

    def _pass_on(
        self,
        home: int,
        service: str,
        record: Any,
        origin: Origin,
        gathered: Gathered,
        keyed: bool,
    ) -> None:
        """A record of another partition: forwarded once, the second time it is misrouted."""
        if keyed:
            fault = Fault("misrouted", None, "forwarded once and on the wrong partition again")
            gathered.faults.append((fault, place_of(origin, self._partition.home), record.value))
        else:
            header = pack_origin(self._partition.home, record)
            gathered.forwards.append(Forward(home, service, record.value, header))
