"""From records of `metrics.raw` to packed rows of the archive, as fast as Python can.

A series seen before is known by the bytes of its names and tags, so only its first
metric goes through the full check of `agents.intake.decode`; so does whatever looks unusual.
Both ways give the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET

from agents.intake.decode import MAX_ITEMS, MAX_RECORD_BYTES, Place, decode_record
from agents.intake.wire import (
    NO_TAGS,
    NOT_QUICK,
    Item,
    Unusual,
    Wire,
    decode_wire,
    id_bytes,
    seconds,
)
from liveops.postgres import raw_copy
from schema.ids import raw_metric_hash
from schema.metrics import MAX_FUTURE_S
from schema.topics import RAW

DAY_S = 86_400
#: Names kept before the memory of series is begun anew.
_MAX_KNOWN = 200_000

#: Also a series not seen before.
_NOT_QUICK = (Unusual, KeyError, *NOT_QUICK)


@dataclass(slots=True)
class RawRows:
    """Packed rows of a chunk: those with an id of ours, and those by the id they brought."""

    rows: list[bytes] = field(default_factory=list)
    given: dict[UUID, bytes] = field(default_factory=dict)
    days: set[int] = field(default_factory=set)
    #: Metrics older than what the archive keeps.
    expired: int = 0


class _Columns:
    """Rows under construction."""

    __slots__ = ("ids", "tails", "times_s", "values")

    def __init__(self) -> None:
        self.ids: list[bytes] = []
        self.values: list[float] = []
        self.times_s: list[float] = []
        self.tails: list[bytes] = []

    def add(self, identity: bytes, value: float, time_s: float, tail: bytes) -> None:
        self.ids.append(identity)
        self.values.append(value)
        self.times_s.append(time_s)
        self.tails.append(tail)

    def cut(self, length: int) -> None:
        for column in (self.ids, self.values, self.times_s, self.tails):
            del column[length:]

    def keep(self, oldest_s: float) -> int:
        """Leave out the rows before a time; how many those were."""
        old = [row for row, time_s in enumerate(self.times_s) if time_s < oldest_s]
        for row in reversed(old):
            for column in (self.ids, self.values, self.times_s, self.tails):
                del column[row]
        return len(old)


class RowReader:
    """Reads records of one partition; remembers the series it has seen."""

    def __init__(self, partition: int, max_age_s: float) -> None:
        self._partition = partition
        self._max_age_s = max_age_s
        self._hash = raw_metric_hash(RAW, partition)
        #: (service, metric type, tags as written) → the row's tail.
        self._known: dict[tuple[str, str, bytes], bytes] = {}

    def read(self, records: Sequence[Any], oldest_s: float) -> RawRows:
        """Rows of records in log order, without metrics from before `oldest_s`."""
        if len(self._known) > _MAX_KNOWN:
            self._known.clear()
        derived, given = _Columns(), _Columns()
        for record in records:
            marks = len(derived.ids), len(given.ids)
            try:
                self._read_known(record, derived, given)
            except _NOT_QUICK:
                derived.cut(marks[0])
                given.cut(marks[1])
                self._read_fully(record, derived, given)
        expired = derived.keep(oldest_s) + given.keep(oldest_s) if records else 0
        found = RawRows(_packed(derived, raw_copy.uuid5_of(derived.ids)), expired=expired)
        packed = _packed(given, raw_copy.plain_ids(given.ids))
        for identity, row in zip(given.ids, packed, strict=True):
            found.given.setdefault(UUID(bytes=identity), row)
        found.days = {int(t // DAY_S) for t in (*derived.times_s, *given.times_s)}
        return found

    def _read_known(self, record: Any, derived: _Columns, given: _Columns) -> None:
        """Series seen before. Raises one of _NOT_QUICK for all others."""
        if len(record.value) > MAX_RECORD_BYTES:
            raise Unusual
        wire = decode_wire(record.value)
        append_s = record.timestamp / 1000.0
        if wire.metrics is UNSET:
            self._take(wire.service_name, wire, record.offset, 0, append_s, derived, given)
            return
        if (
            not 0 < len(wire.metrics) <= MAX_ITEMS
            or wire.metric_type
            or wire.tags is not NO_TAGS
            or wire.timestamp is not None
            or wire.id is not None
            or wire.value == wire.value
        ):
            raise Unusual
        service = wire.service_name
        for index, item in enumerate(wire.metrics):
            if item.service_name is not None and item.service_name != service:
                raise Unusual
            self._take(service, item, record.offset, index, append_s, derived, given)

    def _take(
        self,
        service: str,
        item: Wire | Item,
        offset: int,
        index: int,
        append_s: float,
        derived: _Columns,
        given: _Columns,
    ) -> None:
        tail = self._known[service, item.metric_type, bytes(item.tags)]
        time_s = seconds(item.timestamp, append_s)
        value = item.value
        if (
            not append_s - self._max_age_s <= time_s <= append_s + MAX_FUTURE_S
            or value - value != 0.0  # infinite or not a number
        ):
            raise Unusual
        if item.id is None:
            derived.add(self._digest(offset, index), value, time_s, tail)
        else:
            given.add(id_bytes(item.id), value, time_s, tail)

    def _digest(self, offset: int, index: int) -> bytes:
        state = self._hash.copy()
        state.update(b"%d\x1f%d" % (offset, index))
        return state.digest()

    def _read_fully(self, record: Any, derived: _Columns, given: _Columns) -> None:
        """The careful way: check everything, leave out what is bad, learn the series."""
        place = Place(RAW, self._partition, record.offset, record.timestamp / 1000.0)
        decoded = decode_record(record.value, place, self._max_age_s)
        tails: list[bytes] = []
        for metric in decoded.metrics:
            tails.append(raw_copy.tail(metric.service_name, metric.metric_type, metric.tags))
            # The digest's version bits are set again, which changes nothing.
            if metric.id in decoded.given_ids:
                given.add(UUID(metric.id).bytes, metric.value, metric.timestamp_s, tails[-1])
            else:
                identity = UUID(metric.id).bytes + bytes(4)
                derived.add(identity, metric.value, metric.timestamp_s, tails[-1])
        if tails and not decoded.faults:
            self._learn(record.value, tails)

    def _learn(self, value: bytes, tails: list[bytes]) -> None:
        """Remember the names as they are written in the record, for the quick way."""
        try:
            wire = decode_wire(value)
        except msgspec.DecodeError:
            return
        items: Sequence[Wire | Item] = [wire] if wire.metrics is UNSET else wire.metrics
        for item, tail in zip(items, tails, strict=True):
            self._known[wire.service_name, item.metric_type, bytes(item.tags)] = tail


def _packed(columns: _Columns, ids: raw_copy.Bytes2D) -> list[bytes]:
    return raw_copy.pack(ids, columns.values, columns.times_s, columns.tails)
