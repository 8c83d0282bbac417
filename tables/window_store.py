"""Writing a service's windows into the table, and reading them back.

Kafka keeps the order of the writes of one service, but a crash may come between any two.
So names are written first, then minutes, each with its own offsets, then ids and finished
output, and the header last: what the header does not know of is replayed, and a replayed
record is skipped where a minute already holds it. Values are deleted only after a header
that no longer needs them; the last samples of dropped minutes are stored with those before,
for a header that knows of no more.
"""

from __future__ import annotations

from collections.abc import MutableMapping

from liveops.windows.block import Block
from liveops.windows.buckets import Ints
from liveops.windows.state import (
    PartitionState,
    ServiceWindows,
)
from schema.series import OVERFLOW_SERVICE
from tables.checkpointed import SEPARATOR
from tables.pending import Pending
from tables.window_parts import (
    SERIES_PER_VALUE,
    evict,
    forget_replay_floors,
    offsets_of,
    ranges_of,
)
from tables.window_restore import restore
from tables.window_samples import StoredLasts, columns_of
from tables.windows import (
    FORM,
    MAX_VALUE_BYTES,
    NAMES_PER_VALUE,
    Header,
    Names,
    StoredSeries,
    decode_forwards,
    decode_minute,
    encode,
    encode_minute,
    header_key,
    key_of,
    minute_key,
)

Table = MutableMapping[bytes, bytes]
#: Forwards are noted for so long ahead that few of them have to be.
_FORWARDS_AHEAD_S = 600.0


class WindowStore:
    """The values of one partition's services in a table."""

    def __init__(self, table: Table, partition: int) -> None:
        self._table = table
        self._forwards_key = key_of(f"{OVERFLOW_SERVICE}{partition}", "f")
        #: Until when each partition is to be sent marks, as it is stored.
        self._stored_forwards: dict[int, float] = {}
        #: Keys to delete once the header written before is safe.
        self._trash: set[bytes] = set()
        self._stored_pieces: dict[str, set[int]] = {}

    def write(self, partition: PartitionState, service: ServiceWindows, pending: Pending) -> None:
        """Write what changed of a service; the order is the point."""
        self._write_names(service)
        for start in sorted(service.minutes):
            block = service.minutes[start]
            unstored = block.unstored()
            if len(unstored):
                self._write_minute(service, start, block, unstored)
        self._write_ids(service)
        self._write_pieces(service.name, pending)
        self._write_lasts(service)
        self._write_header(partition, service, pending)
        for start in service.dropped:
            ranges = service.parts.pop(start, set())
            self._trash.update(minute_key(service.name, start, series) for series in ranges)
        service.dropped.clear()
        service.unstored = False
        forget_replay_floors(service)
        evict(service)

    def forget(self, partition: PartitionState) -> None:
        """Delete the values of services that were forgotten; a header of theirs comes anew."""
        forgotten, partition.forgotten = partition.forgotten, set()
        if not forgotten:
            return
        for key in list(self._table):
            owner = key.split(SEPARATOR, 1)[0].decode()
            if owner in forgotten:
                self._trash.add(key)
        for name in forgotten:
            self._stored_pieces.pop(name, None)

    def write_forwards(self, partition: PartitionState) -> None:
        """Remember for how long which partitions are to be sent marks."""
        stored = self._stored_forwards
        if all(stored.get(home, 0.0) >= s for home, s in partition.forwarded_s.items()):
            return
        until_s = {home: s + _FORWARDS_AHEAD_S for home, s in partition.forwarded_s.items()}
        self._stored_forwards = until_s
        self._put(self._forwards_key, encode(until_s))

    def clean(self) -> None:
        """Delete what the headers written before no longer need; they must be safe."""
        trash, self._trash = self._trash, set()
        for key in trash:
            if key in self._table:
                del self._table[key]

    def _put(self, key: bytes, value: bytes) -> None:
        self._table[key] = value
        self._trash.discard(key)

    def _write_header(
        self, partition: PartitionState, service: ServiceWindows, pending: Pending
    ) -> None:
        header = Header(
            service.event_max_s,
            service.event_append_s,
            service.watermark_s,
            service.offsets,
            {origin: partition.clocks.get(origin, 0.0) for origin in service.offsets},
            {start: sorted(numbers) for start, numbers in service.corrections.items()},
            sorted(pending.pieces),
            pending.next_piece,
            [(*part, len(ids)) for part, ids in service.dedup.parts.items()],
            service.heard_s,
            FORM,
            service.last_heard_s,
        )
        self._put(header_key(service.name), encode(header))

    def _write_names(self, service: ServiceWindows) -> None:
        for number in sorted({n // NAMES_PER_VALUE for n in service.unstored_series}):
            first = number * NAMES_PER_VALUE
            names: Names = [
                None
                if series is None
                else StoredSeries(
                    series.metric_type,
                    list(series.tags),
                    int(service.last_minute[first + at]),
                    series.kind,
                )
                for at, series in enumerate(service.series[first : first + NAMES_PER_VALUE])
            ]
            self._put(key_of(service.name, f"s{first}"), encode(names))
        service.unstored_series.clear()

    def _write_lasts(self, service: ServiceWindows) -> None:
        counters = service.counters
        for first in sorted(counters.unstored):
            now = columns_of(counters.dropped, first)
            stored = StoredLasts(service.watermark_s, now, counters.stored.get(first))
            self._put(key_of(service.name, f"c{first}"), encode(stored))
            counters.stored[first] = now
        counters.unstored.clear()

    def _write_minute(
        self, service: ServiceWindows, start: int, block: Block, unstored: Ints
    ) -> None:
        parts = service.parts.setdefault(start, set())
        narrow = [r for r in parts if r[1] - r[0] < SERIES_PER_VALUE]
        ranges = ranges_of(narrow, unstored)
        while ranges:
            series = ranges.pop()
            offsets = offsets_of(service, start, series)
            value = encode_minute(block, series, offsets)
            low, high = series
            if len(value) > MAX_VALUE_BYTES and high - low > 1:
                middle = (low + high) // 2
                ranges |= {(low, middle), (middle, high)}
                if series in parts:
                    parts.discard(series)
                    self._trash.add(minute_key(service.name, start, series))
            else:
                self._put(minute_key(service.name, start, series), value)
                parts.add(series)
        block.stored()

    def _write_ids(self, service: ServiceWindows) -> None:
        for minute, number in sorted(service.dedup.unstored):
            key = key_of(service.name, f"i{minute}/{number}")
            self._put(key, b"".join(service.dedup.parts[minute, number]))
        service.dedup.unstored.clear()
        for minute, number in service.dedup.dropped:
            self._trash.add(key_of(service.name, f"i{minute}/{number}"))
        service.dedup.dropped.clear()

    def _write_pieces(self, service: str, pending: Pending) -> None:
        stored = self._stored_pieces.setdefault(service, set())
        for number, outputs in pending.pieces.items():
            if number not in stored:
                self._put(key_of(service, f"p{number}"), encode(outputs))
                stored.add(number)
        for number in stored - pending.pieces.keys():
            self._trash.add(key_of(service, f"p{number}"))
            stored.discard(number)

    def load_minute(self, service: ServiceWindows, start: int) -> Block:
        """A kept minute from its parts; narrow ranges win over the wide ones they came from."""
        block = Block()
        covered: set[int] = set()
        for series in sorted(service.parts.get(start, ()), key=lambda r: r[1] - r[0]):
            value = self._table.get(minute_key(service.name, start, series))
            if value is not None:
                wanted = set(range(*series)) - covered
                decode_minute(value, block, series, wanted if covered else None)
                covered |= wanted
        return block

    def load(
        self, partition: PartitionState, name: str, values: dict[str, bytes]
    ) -> Pending | None:
        """Rebuild a service from its values by key part; its pending output.

        None when there is no header: nothing of the service was ever safe.
        """
        if self._forwards_key == key_of(name, "f") and "f" in values:
            self._stored_forwards = decode_forwards(values.pop("f"))
            partition.forwarded_s = dict(self._stored_forwards)
        found = restore(partition, name, values)
        needless = [key_of(name, part) for part in found.needless]
        if found.pending is not None:
            self._stored_pieces[name] = set(found.pending.pieces)
            self._trash.update(needless)
        else:  # before a header comes that would take them for its own
            for key in needless:
                del self._table[key]
        return found.pending
