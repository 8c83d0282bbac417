"""The records of a benchmark: which series, when, and as which JSON. Pure.

Events go round the services and metrics in turn; event time advances evenly over whole
15-minute windows that lie in the past, so that every window is complete.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np

from liveops.kafka.partitioning import partition_of

QUARTER_S = 900
#: A closing record lies this long after the last window: more than the default lateness.
CLOSER_AFTER_S = 30
_MARGIN_S = 60
#: Latency-like values in the order they are used; fixed, so that runs compare.
VALUES = [
    f"{value:.3f}" for value in np.random.default_rng(7).lognormal(np.log(50.0), 0.5, size=4096)
]
#: A record that is no metric.
GARBAGE = b"2026-11-25 07:00:00 ERROR the connection was reset by its peer"
#: Service number and JSON value of one record.
Record = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Shape:
    """How many services, and metrics of each; a series is one metric of one service."""

    services: int = 50
    metrics: int = 4
    prefix: str = "svc"

    @property
    def series(self) -> int:
        return self.services * self.metrics

    def service(self, number: int) -> str:
        return f"{self.prefix}-{number:02d}"

    def metric(self, number: int) -> str:
        return f"metric_{number:03d}"


@dataclass(frozen=True, slots=True)
class Load:
    """What fills `metrics.raw`: event times in [start_s, end_s), epoch seconds.

    `per_record` metrics travel in one record; `misplaced` puts each on a wrong partition;
    with `garbage` every metric is followed by a record that is none; with `counters` all are
    counters that grow, one metric a record.
    """

    events: int
    start_s: int
    end_s: int
    shape: Shape = Shape()
    per_record: int = 1
    misplaced: bool = False
    garbage: bool = False
    counters: bool = False

    @property
    def metrics(self) -> int:
        """Metrics on the topic: events and one closing record a service."""
        return self.events + self.shape.services

    @property
    def kind(self) -> str:
        """Of every metric."""
        return "counter" if self.counters else "gauge"

    def partition(self, service: str, partitions: int) -> int:
        """Where a service's records go."""
        return (partition_of(service, partitions) + self.misplaced) % partitions


def span(now_s: float, quarters: int = 1) -> tuple[int, int]:
    """Start and end of the last `quarters` whole 15-minute windows, closers included."""
    end_s = int((now_s - _MARGIN_S) // QUARTER_S) * QUARTER_S
    return end_s - quarters * QUARTER_S, end_s


def make(load: Load) -> Iterator[Record]:
    """All records in the order they are sent, the closing ones last."""
    for record in _singles(load) if load.per_record == 1 else _batches(load):
        yield record
        if load.garbage:
            yield record[0], GARBAGE
    yield from _closers(load)


def single(service: str, metric: str, value: str, time_ms: int, kind: str = "gauge") -> bytes:
    """One metric object with every field of the contract that a producer writes."""
    told = "" if kind == "gauge" else f'"kind":"{kind}",'
    return (
        f'{{"service_name":"{service}","metric_type":"{metric}",{told}"value":{value},'
        f'"timestamp":"{stamp(time_ms)}","tags":{{"host":"{service}-0"}}}}'
    ).encode()


def stamp(time_ms: int) -> str:
    """RFC 3339 with milliseconds."""
    return f"{_second(time_ms // 1000)}.{time_ms % 1000:03d}Z"


@lru_cache(maxsize=4096)
def _second(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _singles(load: Load) -> Iterator[Record]:
    shape, begin_ms = load.shape, load.start_s * 1000
    length_ms = (load.end_s - load.start_s) * 1000
    services = [shape.service(number) for number in range(shape.services)]
    metrics = [shape.metric(number) for number in range(shape.metrics)]
    for number in range(load.events):
        turn, service = divmod(number, shape.services)
        time_ms = begin_ms + number * length_ms // load.events
        value = f"{number}.5" if load.counters else VALUES[number & 4095]
        metric = metrics[turn % shape.metrics]
        yield service, single(services[service], metric, value, time_ms, load.kind)


def _batches(load: Load) -> Iterator[Record]:
    shape, size = load.shape, load.per_record
    records = load.events // size
    rounds = -(-records // shape.services)
    step_ms = (load.end_s - load.start_s) * 1000 / (rounds * size)
    for number in range(records):
        turn, service = divmod(number, shape.services)
        name = shape.service(service)
        items = ",".join(
            f'{{"metric_type":"{shape.metric(place % shape.metrics)}",'
            f'"value":{VALUES[(number * size + place) & 4095]},'
            f'"timestamp":"{stamp(int(load.start_s * 1000 + (turn * size + place) * step_ms))}",'
            f'"tags":{{"host":"{name}-0"}}}}'
            for place in range(size)
        )
        yield service, f'{{"service_name":"{name}","metrics":[{items}]}}'.encode()


def _closers(load: Load) -> Iterator[Record]:
    time_ms = (load.end_s + CLOSER_AFTER_S) * 1000
    value = f"{load.events}.5" if load.counters else VALUES[0]
    for number in range(load.shape.services):
        name = load.shape.service(number)
        yield number, single(name, load.shape.metric(0), value, time_ms, load.kind)
