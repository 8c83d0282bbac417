"""The windows of one partition of `metrics.raw`: a chunk of records in, outputs out.

Holds what the recovered table says and nothing else; dropped when the partition is
revoked. Pure but for the counters: sending and storing is the window agent's part.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from agents.decode import Decoded, Place
from liveops.metrics import DUPLICATES_SKIPPED, METRICS_FOLDED, METRICS_LATE, OVERFLOWED
from liveops.windows.fold import Arrival, Limits, Outputs, advance, correct, fold, open_windows
from liveops.windows.state import ServiceState
from schema.metrics import Aggregate, Metric, aggregate_record
from schema.times import format_time
from schema.topics import AGGREGATED, WINDOWS_DIRTY


@dataclass(frozen=True, slots=True)
class Record:
    """A decoded record at its place in `metrics.raw`.

    `keyed_offset` is its offset in `liveops.raw.keyed` when it came from there.
    """

    place: Place
    decoded: Decoded
    keyed_offset: int | None = None


#: A finished output: topic and value; the key is the service.
Output = tuple[str, bytes]


@dataclass(slots=True)
class PartitionWindows:
    """State of all services of one partition; `time_s` is T, its broker time."""

    limits: Limits
    time_s: float = 0.0
    services: dict[str, ServiceState] = field(default_factory=dict)
    #: Outputs by service, finished but not known to be on the broker.
    pending: dict[str, list[Output]] = field(default_factory=dict)

    def take(self, records: list[Record]) -> list[Metric]:
        """Fold a chunk of records, in log order; returns the metrics that counted."""
        counted: list[Metric] = []
        for record in records:
            self.observe(record.place.append_s)
            if record.decoded.metrics:
                counted += self._take_record(record)
        return counted

    def observe(self, append_s: float) -> None:
        """A record was read that the broker took at `append_s`."""
        self.time_s = max(self.time_s, append_s)

    def _take_record(self, record: Record) -> list[Metric]:
        metrics = record.decoded.metrics
        name = metrics[0].service_name
        state = self.services.get(name)
        if state is None:
            state = self.services[name] = ServiceState(name)
        if not _unseen(state, record):
            DUPLICATES_SKIPPED.labels("record").inc()
            return []
        arrivals = [
            Arrival(metric, record.place.append_s, metric.id in record.decoded.given_ids)
            for metric in metrics
        ]
        outputs = Outputs()
        self.time_s = fold(state, arrivals, self.time_s, self.limits, outputs)
        state.dirty = True
        self._gather(state, outputs)
        return metrics

    def tick(self, now_s: float) -> None:
        """Move T to the wall clock; only for a partition that has been read to its end."""
        self.time_s = max(self.time_s, now_s)
        self._advance_all()

    def _advance_all(self) -> None:
        for state in self.services.values():
            outputs = Outputs()
            advance(state, self.time_s, self.limits, outputs)
            self._gather(state, outputs)

    def settle(self) -> None:
        """Close what time has passed and turn gathered corrections into outputs."""
        self._advance_all()
        for state in self.services.values():
            outputs = Outputs()
            correct(state, outputs)
            self._gather(state, outputs)

    def open_records(self) -> list[tuple[str, list[Aggregate], bytes]]:
        """(service, changed open windows, record) of each service that changed."""
        found: list[tuple[str, list[Aggregate], bytes]] = []
        for name, state in self.services.items():
            windows = open_windows(state, self.time_s) if state.changed else []
            if windows:
                record = {
                    "service_name": name,
                    "watermark": format_time(state.watermark_s),
                    "windows": [aggregate_record(item) for item in windows],
                }
                found.append((name, windows, orjson.dumps(record)))
        return found

    def _gather(self, state: ServiceState, outputs: Outputs) -> None:
        METRICS_FOLDED.inc(outputs.folded)
        METRICS_LATE.labels("corrected").inc(outputs.corrected)
        METRICS_LATE.labels("archived").inc(len(outputs.too_late))
        DUPLICATES_SKIPPED.labels("metric").inc(outputs.duplicates)
        OVERFLOWED.inc(outputs.overflowed)
        queue = self.pending.setdefault(state.service, [])
        queue += [(AGGREGATED, orjson.dumps(aggregate_record(item))) for item in outputs.closed]
        if outputs.too_late:
            queue.append((WINDOWS_DIRTY, _dirty_record(state.service, outputs.too_late)))


def _unseen(state: ServiceState, record: Record) -> bool:
    """Whether the record was not applied before; remembers its offsets."""
    place, offsets = record.place, state.offsets
    if record.keyed_offset is None:
        if place.offset <= offsets.raw:
            return False
        offsets.raw = place.offset
        return True
    if record.keyed_offset <= offsets.keyed:
        return False
    offsets.keyed = record.keyed_offset
    state.dirty = True
    if place.offset <= offsets.origins.get(place.partition, -1):
        return False
    offsets.origins[place.partition] = place.offset
    return True


def _dirty_record(service: str, metrics: list[Metric]) -> bytes:
    minutes = sorted({int(metric.timestamp_s // 60) * 60 for metric in metrics})
    return orjson.dumps({"service_name": service, "minutes": minutes})
