"""What must come out, computed from `metrics.raw` alone: a sorted list and sums.

Only the standard library and no code of the product, so that both cannot be wrong in
the same way. Values are multiples of 1/4 below 10^6: sums are exact in any order.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

#: Window sizes in seconds by name.
SIZES = {"1m": 60, "5m": 300, "15m": 900}
#: A service's clock stays this far behind its greatest event time.
LATENESS_S = 10
FUTURE_S = 600
RETENTION_S = 7 * 86_400
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_LOG_GAMMA = math.log(1.01 / 0.99)
_SERVICE = re.compile(r"[A-Za-z0-9._/-]{1,128}")
_METRIC = re.compile(r"[A-Za-z0-9._:/-]{1,128}")
_FIELDS = {"service_name", "metric_type", "value", "tags", "timestamp", "id"}

Series = tuple[str, tuple[tuple[str, str], ...]]
#: service, series, window name, start in seconds.
WindowKey = tuple[str, Series, str, int]
#: partition, offset, index within the record (None: the whole record), and how many further
#: faults of the record a dead letter only counts.
Fault = tuple[int, int, int | None, int]
#: Bad items of a record that have a letter each; one more tells of the rest.
TOLD_FAULTS = 20
#: Reserved: what is beyond the limits goes by these names.
OVERFLOW_TAG, OVERFLOW_SERVICE = "liveops_overflow", "liveops_overflow/"


class Raw(NamedTuple):
    """A record as the broker keeps it."""

    partition: int
    offset: int
    append_ms: int
    value: bytes | None


class Counted(NamedTuple):
    """A metric that counts; sorted lists of these are what windows are made from."""

    service: str
    series: Series
    time_us: int
    value: float
    id: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What a closed window must say; `quantiles` are elements of the sorted values."""

    count: int
    sum: float
    min: float
    max: float
    mean: float
    stddev: float
    rate: float
    quantiles: dict[str, float]
    histogram: dict[str, Any]


@dataclass(slots=True)
class Reference:
    """All that is to be expected of the log."""

    metrics: list[Counted] = field(default_factory=list)
    faults: set[Fault] = field(default_factory=set)
    repeated: int = 0
    tombstones: int = 0
    records: int = 0

    def final_until_s(self) -> dict[str, float]:
        """Per service: windows that end no later than this are closed for certain."""
        latest: dict[str, int] = {}
        for metric in self.metrics:
            latest[metric.service] = max(latest.get(metric.service, 0), metric.time_us)
        return {name: time_us / 1e6 - LATENESS_S for name, time_us in latest.items()}

    def windows(self) -> dict[WindowKey, Expected]:
        """Every window that must have closed."""
        final = self.final_until_s()
        found: dict[WindowKey, Expected] = {}
        ordered = sorted(self.metrics)
        for name, size_s in SIZES.items():

            def place(metric: Counted, size_s: int = size_s) -> tuple[str, Series, int]:
                return metric.service, metric.series, metric.time_us // 10**6 // size_s * size_s

            for (service, series, start_s), members in itertools.groupby(ordered, place):
                if start_s + size_s <= final[service]:
                    values = [metric.value for metric in members]
                    found[service, series, name, start_s] = expected(values, size_s)
        return found


def read_log(records: Iterable[Raw]) -> Reference:
    """Read records in the order of each partition; the same given id counts once."""
    reference = Reference()
    seen: set[str] = set()
    for record in records:
        reference.records += 1
        if record.value is None:
            reference.tombstones += 1
            continue
        bad: list[int | None] = []
        for index, item in _items(record.value):
            metric = _metric(item, record.append_ms / 1000)
            if metric is None:
                bad.append(index)
            elif metric.id and metric.id in seen:
                reference.repeated += 1
            else:
                seen.add(metric.id)
                reference.metrics.append(metric)
        more = max(0, len(bad) - TOLD_FAULTS)
        for number, index in enumerate(bad[: TOLD_FAULTS + 1]):
            counted = more if number == TOLD_FAULTS else 0
            reference.faults.add((record.partition, record.offset, index, counted))
    return reference


def _items(value: bytes) -> Iterator[tuple[int | None, object]]:
    """(index, object) of each metric of a record; None stands for something unreadable."""
    plain = _plain(value)
    if plain is None and len(lines := value.strip().splitlines()) > 1:
        if all(line.startswith(b"{") and line.endswith(b"}") for line in lines):
            yield from enumerate(map(_plain, lines))
            return
    if isinstance(plain, list) and plain:
        yield from enumerate(plain)
        return
    if not isinstance(plain, dict) or "metrics" not in plain:
        yield None, plain
        return
    items, service = plain["metrics"], plain.get("service_name")
    if plain.keys() - {"service_name", "metrics"} or not isinstance(items, list) or not items:
        yield None, None
        return
    for index, item in enumerate(items):
        foreign = not isinstance(item, dict) or item.get("service_name", service) != service
        yield index, None if foreign else {"service_name": service, **item}


def _plain(text: bytes) -> object:
    try:
        return json.loads(text.decode("utf-8"), parse_constant=_no_constant)
    except ValueError:
        return None


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _metric(item: object, append_s: float) -> Counted | None:
    if not isinstance(item, dict) or item.keys() - _FIELDS:
        return None
    service, kind, value = (item.get(name) for name in ("service_name", "metric_type", "value"))
    tags = item.get("tags", {})
    if not (isinstance(service, str) and _SERVICE.fullmatch(service)):
        return None
    if service.startswith(OVERFLOW_SERVICE):
        return None
    if not (isinstance(kind, str) and _METRIC.fullmatch(kind)):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if not isinstance(tags, dict) or not all(isinstance(text, str) for text in tags.values()):
        return None
    if OVERFLOW_TAG in tags:
        return None
    time_us = _time_us(item.get("timestamp"), append_s)
    if time_us is None:
        return None
    series = (kind, tuple(sorted(tags.items())))
    return Counted(service, series, time_us, float(value), item.get("id") or "")


def _time_us(stamp: object, append_s: float) -> int | None:
    if stamp is None:
        time_s = append_s
    elif isinstance(stamp, str):
        try:
            moment = datetime.fromisoformat(stamp)
        except ValueError:
            return None
        if moment.tzinfo is None:
            return None
        time_s = moment.timestamp()
    elif isinstance(stamp, int | float) and not isinstance(stamp, bool):
        time_s = float(stamp)
    else:
        return None
    if not append_s - RETENTION_S <= time_s <= append_s + FUTURE_S:
        return None
    return round(time_s * 1e6)


def expected(values: list[float], size_s: int) -> Expected:
    """The figures of a window over these values, from exact integer sums of quarters."""
    ordered = sorted(values)
    count = len(ordered)
    quarters = [round(4 * value) for value in ordered]
    total = sum(quarters)
    spread = count * sum(quarter * quarter for quarter in quarters) - total * total
    ranks = {name: math.ceil(q * count) for name, q in QUANTILES.items()}
    return Expected(
        count=count,
        sum=total / 4,
        min=ordered[0],
        max=ordered[-1],
        mean=total / 4 / count,
        stddev=math.sqrt(spread) / 4 / count,
        rate=count / size_s,
        quantiles={name: ordered[max(rank, 1) - 1] for name, rank in ranks.items()},
        histogram=histogram(ordered),
    )


def histogram(values: Iterable[float]) -> dict[str, Any]:
    """Counts by logarithmic bucket, as [index, count, ...] ascending."""
    sides: dict[str, dict[int, int]] = {"p": {}, "n": {}}
    zeros = 0
    for value in values:
        if value == 0:
            zeros += 1
            continue
        side = sides["p" if value > 0 else "n"]
        index = math.ceil(math.log(abs(value)) / _LOG_GAMMA)
        side[index] = side.get(index, 0) + 1
    flat = {
        name: [n for pair in sorted(side.items()) for n in pair] for name, side in sides.items()
    }
    return {**flat, "z": zeros}
