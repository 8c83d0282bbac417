"""A log of partitions in memory with the real windows on it: no broker, no clock.

Everything between Kafka and the sinks is the product's own code; reads, checkpoints and
crashes happen when a test says so. A crash may tear a checkpoint: only its first writes
have reached the changelog.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiokafka import ConsumerRecord

from agents.windows.partition_windows import PartitionWindows
from liveops.kafka.partitioning import partition_of
from liveops.windows.state import WindowLimits
from schema.times import format_time
from schema.topics import AGGREGATED, RAW, RAW_KEYED, WINDOWS_DIRTY
from tables.checkpointed import SEPARATOR

#: (service, metric, tags as JSON, window, start)
WindowKey = tuple[str, str, str, str, str]


class LoggedTable(MutableMapping[bytes, bytes]):
    """A table that remembers its writes, as the changelog does."""

    def __init__(self, stored: dict[bytes, bytes] | None = None) -> None:
        self.data = dict(stored or {})
        self.log: list[tuple[bytes, bytes | None]] = []

    def __getitem__(self, key: bytes) -> bytes:
        return self.data[key]

    def __setitem__(self, key: bytes, value: bytes) -> None:
        assert len(value) <= 300_000, "a value is too large for the broker"
        self.data[key] = value
        self.log.append((key, value))

    def __delitem__(self, key: bytes) -> None:
        del self.data[key]
        self.log.append((key, None))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


@dataclass
class Owner:
    """A partition with its worker's memory, its changelog and its committed offsets."""

    table: LoggedTable
    windows: PartitionWindows
    safe: dict[bytes, bytes] = field(default_factory=dict)
    position: dict[str, int] = field(default_factory=lambda: {RAW: 0, RAW_KEYED: 0})
    committed: dict[str, int] = field(default_factory=lambda: {RAW: 0, RAW_KEYED: 0})


class Log:
    """`metrics.raw` and `liveops.raw.keyed` of a few partitions, and their owners."""

    topics = (RAW, RAW_KEYED)

    def __init__(self, partitions: int, limits: WindowLimits) -> None:
        self._limits = limits
        self.records: dict[tuple[str, int], list[ConsumerRecord]] = defaultdict(list)
        self.published: list[dict[str, Any]] = []
        self.dirty: list[dict[str, Any]] = []
        self.open: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.owners = [self._owner(number, partitions, {}) for number in range(partitions)]

    def _owner(self, number: int, partitions: int, stored: dict[bytes, bytes]) -> Owner:
        table = LoggedTable(stored)
        windows = PartitionWindows(
            number, table, self._limits, partitions=partitions, max_age_s=1e9
        )
        parts: dict[str, dict[str, bytes]] = defaultdict(dict)
        for key, stored_value in stored.items():
            owner, part = key.split(SEPARATOR, 1)
            parts[owner.decode()][part.decode()] = stored_value
        for name, values in parts.items():
            windows.restore(name, values)
        return Owner(table, windows, dict(stored))

    def append(self, partition: int, append_s: float, *items: Any, value: Any = None) -> None:
        """A record of one metric, or of several; or raw bytes as `value`."""
        if value is None:
            plain = items[0]
            if len(items) > 1:
                service = items[0]["service_name"]
                bare = [{k: v for k, v in i.items() if k != "service_name"} for i in items]
                plain = {"service_name": service, "metrics": bare}
            value = orjson.dumps(plain)
        self._put(RAW, partition, append_s, value, ())

    def _put(
        self,
        topic: str,
        partition: int,
        append_s: float,
        value: bytes | None,
        headers: tuple[tuple[str, bytes], ...],
    ) -> None:
        log = self.records[(topic, partition)]
        log.append(
            ConsumerRecord(
                topic, partition, len(log), round(append_s * 1000), 1, None, value,
                None, -1, len(value or b""), headers,
            )
        )  # fmt: skip

    def read(self, number: int, topic: str, count: int) -> None:
        """Fold the next records of a partition; forwards land in their keyed log."""
        owner = self.owners[number]
        first = owner.position[topic]
        chunk = self.records[(topic, number)][first : first + count]
        if not chunk:
            return
        found = owner.windows.take(topic, chunk)
        when_s = chunk[-1].timestamp / 1000
        for home, forwards in found.forwards.items():
            for item in forwards:
                self._put(RAW_KEYED, home, when_s, item.value or b"", item.headers)
        self.faults += [fault.reason for _, fault in found.faults]
        self.open += [orjson.loads(item.value) for item in owner.windows.open_records()]
        owner.position[topic] = first + len(chunk)

    def tick(self, number: int, now_s: float) -> None:
        """The wall clock, where the owner has read to the end; its marks go to the others."""
        owner = self.owners[number]
        if any(len(self.records[(topic, number)]) > owner.position[topic] for topic in self.topics):
            return
        owner.windows.tick(now_s)
        for home, mark in owner.windows.marks(now_s).items():
            self._put(RAW_KEYED, home, now_s, mark.value, mark.headers)

    def checkpoint(self, number: int) -> None:
        """All of it: state, outputs, offsets, deletions."""
        owner = self.owners[number]
        for service in owner.windows.write():
            pieces = owner.windows.pending[service.name].pieces
            for outputs in list(pieces.values()):
                self._publish(outputs)
            owner.windows.sent(service, list(pieces))
        owner.windows.stored()
        owner.safe = dict(owner.table.data)
        owner.table.log.clear()
        owner.committed = dict(owner.position)

    def _publish(self, outputs: list[tuple[str, bytes]]) -> None:
        for topic, value in outputs:
            target = self.published if topic == AGGREGATED else self.dirty
            assert topic in (AGGREGATED, WINDOWS_DIRTY)
            target.append(orjson.loads(value))

    def crash(self, number: int, writes: int, *, sent: bool = False) -> None:
        """Kill the owner within a checkpoint after some of its writes; start it again.

        With `sent` the outputs had left before the crash, but nothing was committed.
        """
        owner = self.owners[number]
        waiting = owner.windows.write()
        if sent:
            writes = len(owner.table.log)
            for service in waiting:
                for outputs in owner.windows.pending[service.name].pieces.values():
                    self._publish(outputs)
        stored = dict(owner.safe)
        for key, value in owner.table.log[:writes]:
            if value is None:
                stored.pop(key, None)
            else:
                stored[key] = value
        committed = owner.committed
        fresh = self._owner(number, len(self.owners), stored)
        fresh.position, fresh.committed = dict(committed), dict(committed)
        self.owners[number] = fresh

    def finish(self, now_s: float) -> None:
        """Read everything, let all windows close, and give out all corrections."""
        for topic in (RAW, RAW_KEYED):
            for number in range(len(self.owners)):
                self.read(number, topic, 1_000_000)
        for owner in self.owners:
            owner.windows.settle()
        for number in range(len(self.owners)):
            self.read(number, RAW_KEYED, 1_000_000)  # marks of those that ticked before
            self.tick(number, now_s)
        for number, owner in enumerate(self.owners):
            self.read(number, RAW_KEYED, 1_000_000)
            owner.windows.settle()
            self.checkpoint(number)

    def final(self) -> dict[WindowKey, dict[str, Any]]:
        """The published window with the highest revision of each key."""
        best: dict[WindowKey, dict[str, Any]] = {}
        for got in self.published:
            tags = orjson.dumps(got["tags"], option=orjson.OPT_SORT_KEYS).decode()
            key = (got["service_name"], got["metric_type"], tags, got["window"], got["start"])
            if key not in best or got["revision"] >= best[key]["revision"]:
                best[key] = got
        return best


def right_partition(service: str, partitions: int) -> int:
    """Where the records of a service belong."""
    return partition_of(service, partitions)


def assert_equals(got: dict[str, Any], numbers: list[float]) -> None:
    """A window against the plain list of its values; stddev and quantiles included."""
    mean = math.fsum(numbers) / len(numbers)
    assert got["count"] == len(numbers)
    assert got["sum"] == math.fsum(numbers)
    assert (got["min"], got["max"]) == (min(numbers), max(numbers))
    assert math.isclose(got["mean"], mean, rel_tol=1e-9, abs_tol=1e-6)
    spread = math.sqrt(math.fsum((n - mean) ** 2 for n in numbers) / len(numbers))
    assert math.isclose(got["stddev"], spread, rel_tol=1e-9, abs_tol=1e-5)
    for fraction, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
        exact = sorted(numbers)[max(1, math.ceil(fraction * len(numbers))) - 1]
        assert math.isclose(got[name], exact, rel_tol=0.0101, abs_tol=1e-9)
    assert got["histogram"] == histogram(numbers)


def histogram(numbers: list[float]) -> dict[str, Any]:
    """Buckets of the values, computed one by one."""
    sides: dict[str, dict[int, int]] = {"p": defaultdict(int), "n": defaultdict(int)}
    for number in numbers:
        if number:
            index = math.ceil(math.log(abs(number)) / math.log(1.01 / 0.99))
            sides["p" if number > 0 else "n"][index] += 1
    flat = {
        side: [n for index in sorted(found) for n in (index, found[index])]
        for side, found in sides.items()
    }
    return {**flat, "z": sum(1 for number in numbers if number == 0)}


#: A sample of a counter: time and value, and when the counter began, if it was told.
Sample = tuple[float, float, float | None]
SIZES = {"1m": 60, "5m": 300, "15m": 900}


def increases(samples: list[Sample]) -> dict[tuple[str, str], float]:
    """What a counter grew by in each window (name, start), one sample after the other."""
    by_time: dict[int, tuple[float, bool]] = {}
    for at_s, value, start_s in samples:
        us, began = round(at_s * 1e6), start_s is not None and at_s - start_s <= 3600
        known, known_began = by_time.get(us, (-math.inf, False))
        by_time[us] = max(known, value), began or known_began
    grown: dict[tuple[str, str], float] = defaultdict(float)
    before: tuple[int, float] | None = None
    for us, (value, began) in sorted(by_time.items()):
        if before is None or us - before[0] > 3600 * 1_000_000:
            step = value if began else 0.0
        else:
            step = value - before[1] if value >= before[1] else value
        before = us, value
        for name, size in SIZES.items():
            grown[name, format_time(us // 1_000_000 // size * size)] += step
    return grown
