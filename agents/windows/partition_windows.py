"""The windows of one partition of `metrics.raw`: a chunk of records in, outputs out.

Holds what the recovered table says and nothing else; dropped when the partition is
revoked. Pure but for the counters: sending and storing is the window agent's part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from agents.intake.gather import Gatherer
from agents.intake.rows import Gathered
from liveops.metrics import (
    DUPLICATES_SKIPPED,
    METRICS_FOLDED,
    METRICS_LATE,
    OUTPUTS_RESENT,
    OVERFLOWED,
)
from liveops.windows.closing import correct
from liveops.windows.fold import fold, tick
from liveops.windows.staging import flush
from liveops.windows.state import Limits, Outputs, PartitionState, ServiceState
from schema.topics import AGGREGATED, WINDOWS_DIRTY
from schema.windows import Windows, read_window, write_open, write_windows
from tables.pending import Pending
from tables.window_store import Table, WindowStore
from tables.windows import Output


class Written(NamedTuple):
    """Windows of one service, size and start, given out together.

    `records` are pairs of series and record, which is the same on Kafka and in Redis; the
    windows themselves are not kept.
    """

    service: str
    window: str
    start_s: int
    records: list[tuple[str, bytes]]


class OpenRecord(NamedTuple):
    """A record of open windows of a service; the broker's time of the newest value in them."""

    service: str
    windows: list[Written]
    value: bytes
    newest_s: float


class PartitionWindows:
    """State of all services of one partition, and what it has to say."""

    def __init__(
        self, home: int, table: Table, limits: Limits, *, partitions: int, max_age_s: float
    ) -> None:
        self.store = WindowStore(table)
        self.state = PartitionState(home, self.store.load_minute)
        #: Finished output by service, until the broker has it.
        self.pending: dict[str, Pending] = {}
        self._limits = limits
        self._gatherer = Gatherer(self.state, limits, partitions, max_age_s)
        self._fresh: dict[str, list[Output]] = {}
        self._open: list[OpenRecord] = []
        self._closed: list[Written] = []
        #: Pieces of output found in the recovered state: they may have been sent before.
        self.recovered: set[tuple[str, int]] = set()

    def restore(self, name: str, values: dict[str, bytes]) -> None:
        """Take over a service from its stored values."""
        pending = self.store.load(self.state, name, values)
        if pending is not None:
            self.pending[name] = pending
            self.recovered.update((name, number) for number in pending.pieces)

    def take(self, topic: str, records: Sequence[Any], append_ms: Sequence[int] = ()) -> Gathered:
        """Fold a chunk of records of one topic, in log order; their times if known."""
        outputs = Outputs()
        gathered = self._gatherer.gather(topic, records, append_ms, outputs)
        fold(self.state, gathered.rows.arrivals(), self._limits, outputs)
        self._keep(outputs)
        return gathered

    def tick(self, now_s: float) -> None:
        """Move T to the wall clock; only for a partition that has been read to its end."""
        outputs = Outputs()
        tick(self.state, now_s, self._limits, outputs)
        self._keep(outputs)

    def settle(self) -> None:
        """Turn gathered corrections into outputs."""
        outputs = Outputs()
        flush(self.state)
        for service in self.state.by_number:
            if service.corrections:
                correct(self.state, service, outputs, service.watermark_s)
        self._keep(outputs)

    @property
    def emitted(self) -> bool:
        """Whether open windows wait to be sent."""
        return bool(self._open)

    def open_records(self) -> list[OpenRecord]:
        """Records of open windows that are due, oldest first; given out once."""
        found, self._open = self._open, []
        return found

    def write(self) -> list[ServiceState]:
        """Put everything changed into the table; the services that have output to send."""
        flush(self.state)
        for name, outputs in self._fresh.items():
            self.pending.setdefault(name, Pending()).add(outputs)
        self._fresh = {}
        waiting: list[ServiceState] = []
        for service in self.state.by_number:
            pending = self.pending.get(service.name) or Pending()
            if service.dirty:
                self.store.write(self.state, service, pending)
            if pending.pieces:
                waiting.append(service)
        return waiting

    def sent(self, service: ServiceState, numbers: list[int]) -> None:
        """The broker has these pieces of output."""
        for number in numbers:
            outputs = self.pending[service.name].pieces.pop(number)
            if (service.name, number) in self.recovered:
                self.recovered.discard((service.name, number))
                OUTPUTS_RESENT.inc(len(outputs))
                self._closed += [_found(value) for topic, value in outputs if topic == AGGREGATED]
        service.dirty = True

    def closed_windows(self) -> list[Written]:
        """Windows closed since the last call; given out once."""
        found, self._closed = self._closed, []
        return found

    def _keep(self, outputs: Outputs) -> None:
        METRICS_FOLDED.inc(outputs.folded)
        METRICS_LATE.labels("corrected").inc(outputs.corrected)
        METRICS_LATE.labels("archived").inc(outputs.too_late)
        DUPLICATES_SKIPPED.labels("record").inc(outputs.replayed)
        DUPLICATES_SKIPPED.labels("metric").inc(outputs.duplicates)
        OVERFLOWED.inc(outputs.overflowed)
        for closed in outputs.closed:
            written = _written(closed)
            fresh = self._fresh.setdefault(written.service, [])
            fresh += [(AGGREGATED, value) for _, value in written.records]
            self._closed.append(written)
        for name, minutes in outputs.dirty.items():
            self._fresh.setdefault(name, []).append((WINDOWS_DIRTY, _dirty_record(name, minutes)))
        for name, watermark_s, windows in outputs.open:
            open_now = [_written(item) for item in windows]
            values = [value for item in open_now for _, value in item.records]
            record = write_open(name, watermark_s, values)
            newest_s = max(max(item.broker_times_s) for item in windows)
            self._open.append(OpenRecord(name, open_now, record, newest_s))


def _written(got: Windows) -> Written:
    records = [
        (name.key, value) for name, value in zip(got.series, write_windows(got), strict=True)
    ]
    return Written(got.service_name, got.window, got.start_s, records)


def _found(value: bytes) -> Written:
    """A closed window from its record, which was found in the recovered state."""
    item = read_window(value)
    return Written(item.service_name, item.window, item.start_s, [(item.series, value)])


def _dirty_record(service: str, minutes: dict[int, dict[int, int]]) -> bytes:
    """Minutes to recompute, each with the offset by origin that the archive must have."""
    plain = {
        str(start): {str(o): n for o, n in origins.items()} for start, origins in minutes.items()
    }
    return orjson.dumps({"service_name": service, "minutes": plain})
