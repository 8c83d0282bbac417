"""The windows of one partition of `metrics.raw`: a chunk of records in, outputs out.

Holds what the recovered table says and nothing else; dropped when the partition is
revoked. Pure but for the counters: sending and storing is the window agent's part.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson

from agents.windows.reset_watch import ResetWatch
from agents.windows.taken import Taken, taken
from liveops.intake.decoder import Decoder
from liveops.intake.faults import Fault
from liveops.intake.refused import refusals
from liveops.intake.source_position import mark_header
from liveops.kafka.partitioning import partition_of
from liveops.kafka.producer import Outgoing
from liveops.metrics.windows import (
    COUNTER_MINUTES_CROWDED,
    COUNTER_RESETS,
    DUPLICATES_SKIPPED,
    METRICS_FOLDED,
    METRICS_LATE,
    OUTPUTS_RESENT,
    OVERFLOWED,
    READERS_SILENT,
)
from liveops.windows.admission import releasable
from liveops.windows.partition import PartitionFold
from liveops.windows.row_buffer import flush
from liveops.windows.state import HEARD_S, Outputs, PartitionState, ServiceWindows, WindowLimits
from schema.topics import AGGREGATED, RAW_KEYED, WINDOWS_DIRTY
from schema.windows import Windows, read_window, write_open, write_windows
from tables.pending import Pending
from tables.window_store import Table, WindowStore
from tables.windows import Output

#: For so long after an hour without forwards marks go on: one of them must arrive.
_MARKS_BEYOND_S = 10.0


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
        self, home: int, table: Table, limits: WindowLimits, *, partitions: int, max_age_s: float
    ) -> None:
        self.store = WindowStore(table, home)
        self.state = PartitionState(home, self.store.load_minute)
        #: Finished output by service, until the broker has it.
        self.pending: dict[str, Pending] = {}
        self._decoder = Decoder(home, max_age_s, partial(partition_of, partitions=partitions))
        self._limits = limits
        self._fold = PartitionFold(self.state, self._decoder.table, limits)
        #: Time of the last mark for each other partition.
        self._marked_s: dict[int, float] = {}
        #: Series that need not be named once the checkpoint under way is safe.
        self._leaving: list[tuple[ServiceWindows, int]] = []
        self._fresh: dict[str, list[Output]] = {}
        self._open: list[OpenRecord] = []
        self._closed: list[Written] = []
        #: Pieces of output found in the recovered state: they may have been sent before.
        self.recovered: set[tuple[str, int]] = set()
        self._resets = ResetWatch()

    def restore(self, name: str, values: dict[str, bytes]) -> None:
        """Take over a service from its stored values."""
        pending = self.store.load(self.state, name, values)
        if pending is not None:
            self.pending[name] = pending
            self.recovered.update((name, number) for number in pending.pieces)

    def take(self, topic: str, records: Sequence[Any], append_ms: Sequence[int] = ()) -> Taken:
        """Fold a chunk of records of one topic, in log order; their times if known."""
        outputs, keyed = Outputs(), topic == RAW_KEYED
        chunk = self._decoder.decode(topic, records, append_ms)
        foreign = self._fold.take(chunk, outputs, keyed=keyed)
        self._keep(outputs)
        found = taken(self.state, chunk, foreign, keyed=keyed)
        if outputs.refused:
            found.faults = sorted([*found.faults, *refusals(chunk, outputs.refused)], key=_record)
        return found

    def tick(self, now_s: float) -> None:
        """Move T to the wall clock; only for a partition that has been read to its end."""
        outputs = Outputs()
        self._fold.tick(now_s, outputs)
        self._keep(outputs)

    def marks(self, now_s: float) -> dict[int, Outgoing]:
        """A mark for each partition that was forwarded records within the last hour.

        And some that tell it that the hour is over. Only for a partition that has been read to
        its end, its forwards sent.
        """
        mark = Outgoing(self.state.overflow_service, None, (mark_header(self.state.home, now_s),))
        until_s = HEARD_S + _MARKS_BEYOND_S
        homes = [
            home
            for home, forwarded_s in self.state.forwarded_s.items()
            if self._marked_s.get(home, 0.0) <= forwarded_s + until_s
        ]
        self._marked_s |= dict.fromkeys(homes, now_s)
        return dict.fromkeys(homes, mark)

    def settle(self) -> None:
        """Turn gathered corrections into outputs."""
        outputs = Outputs()
        self._fold.settle(outputs)
        self._keep(outputs)

    @property
    def emitted(self) -> bool:
        """Whether open windows wait to be sent."""
        return bool(self._open)

    def open_records(self) -> list[OpenRecord]:
        """Records of open windows that are due, oldest first; given out once."""
        found, self._open = self._open, []
        return found

    def write(self) -> list[ServiceWindows]:
        """Put everything changed into the table; the services that have output to send."""
        flush(self.state)
        for name, outputs in self._fresh.items():
            self.pending.setdefault(name, Pending()).add(outputs)
        self._fresh = {}
        for name in self.state.forgotten - self.state.services.keys():
            self.pending.pop(name, None)
        self.store.forget(self.state)
        self.store.write_forwards(self.state)
        waiting: list[ServiceWindows] = []
        for service in self.state.services.values():
            pending = self.pending.get(service.name) or Pending()
            if service.unstored:
                self.store.write(self.state, service, pending)
            if pending.pieces:
                waiting.append(service)
        self._leaving = releasable(self.state, self._limits)
        return waiting

    def stored(self) -> None:
        """What was written is safe: what it no longer needs goes."""
        self.store.clean()
        leaving, self._leaving = self._leaving, []
        self._fold.release(leaving)

    def sent(self, service: ServiceWindows, numbers: list[int]) -> None:
        """The broker has these pieces of output."""
        for number in numbers:
            outputs = self.pending[service.name].pieces.pop(number)
            if (service.name, number) in self.recovered:
                self.recovered.discard((service.name, number))
                OUTPUTS_RESENT.inc(len(outputs))
                self._closed += [_found(value) for topic, value in outputs if topic == AGGREGATED]
        service.unstored = True

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
        OVERFLOWED.labels("series").inc(outputs.overflowed)
        OVERFLOWED.labels("service").inc(outputs.overflowed_services)
        READERS_SILENT.inc(outputs.silent_readers)
        DUPLICATES_SKIPPED.labels("sample").inc(self.state.repeated)
        self.state.repeated = 0
        COUNTER_RESETS.inc(outputs.resets)
        COUNTER_MINUTES_CROWDED.inc(outputs.crowded)
        self._resets.note(outputs.many_resets)
        for closed in outputs.closed:
            written = _written(closed)
            fresh = self._fresh.setdefault(written.service, [])
            fresh += [(AGGREGATED, value) for _, value in written.records]
            self._closed.append(written)
        for name, minutes in outputs.recompute.items():
            self._fresh.setdefault(name, []).append(
                (WINDOWS_DIRTY, _recompute_record(name, minutes, outputs.horizons.get(name)))
            )
        for name, watermark_s, windows in outputs.open:
            open_now = [_written(item) for item in windows]
            values = [value for item in open_now for _, value in item.records]
            record = write_open(name, watermark_s, values)
            newest_s = max(max(item.broker_times_s) for item in windows)
            self._open.append(OpenRecord(name, open_now, record, newest_s))


def _record(fault: tuple[int, Fault]) -> int:
    return fault[0]


def _written(got: Windows) -> Written:
    records = [
        (name.key, value) for name, value in zip(got.series, write_windows(got), strict=True)
    ]
    return Written(got.service_name, got.window, got.start_s, records)


def _found(value: bytes) -> Written:
    """A closed window from its record, which was found in the recovered state."""
    item = read_window(value)
    return Written(item.service_name, item.window, item.start_s, [(item.series, value)])


def _recompute_record(
    service: str, minutes: dict[int, dict[int, int]], horizon: int | None
) -> bytes:
    """Minutes to recompute, each with the offset by origin that the archive must have.

    From the horizon on the stream corrects what follows them.
    """
    plain = {
        str(start): {str(o): n for o, n in origins.items()} for start, origins in minutes.items()
    }
    more = {} if horizon is None else {"horizon": horizon}
    return orjson.dumps({"service_name": service, "minutes": plain, **more})
