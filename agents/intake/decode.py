"""From a record of `metrics.raw` to metrics and faults. Pure.

A record is a metric object or `{"service_name", "metrics": [...]}`; in the latter
good items count and each bad one becomes a fault with its index.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import structs

from schema.ids import raw_metric_id
from schema.metrics import Metric, MetricFault, read_metric

MAX_RECORD_BYTES = 1_000_000
MAX_ITEMS = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record lies in the log and when the broker took it (epoch seconds)."""

    topic: str
    partition: int
    offset: int
    append_s: float


@dataclass(frozen=True, slots=True)
class Fault:
    """A record, or item `index` of it, that is no metric."""

    reason: str
    index: int | None
    detail: str


@dataclass(slots=True)
class Decoded:
    """What a record holds; `given_ids` tells which metrics brought their id.

    `indexes` are the metrics' positions in the record.
    """

    metrics: list[Metric] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    given_ids: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    tombstone: bool = False


def decode_record(
    value: bytes | None, place: Place, max_age_s: float, *, derive_ids: bool = True
) -> Decoded:
    """Read one record; never raises. Unless derived, the id of a metric without one is ""."""
    decoded = Decoded()
    if value is None:
        decoded.tombstone = True
        return decoded
    plain, fault = _parse(value)
    if fault is not None:
        decoded.faults.append(fault)
        return decoded
    if isinstance(plain, dict) and "metrics" in plain:
        _read_batch(plain, place, max_age_s, decoded)
    else:
        _read_item(plain, None, place, max_age_s, decoded)
    if derive_ids:
        decoded.metrics = [
            metric if metric.id else structs.replace(metric, id=_derived_id(place, index))
            for index, metric in zip(decoded.indexes, decoded.metrics, strict=True)
        ]
    return decoded


def _derived_id(place: Place, index: int) -> str:
    return raw_metric_id(place.topic, place.partition, place.offset, index)


def _parse(value: bytes) -> tuple[Any, Fault | None]:
    if not value.strip():
        return None, Fault("empty", None, "the value is empty")
    if len(value) > MAX_RECORD_BYTES:
        return None, Fault("too_large", None, f"over {MAX_RECORD_BYTES} bytes")
    try:
        value.decode()
        return msgspec.json.decode(value), None
    except UnicodeDecodeError as error:
        return None, Fault("not_utf8", None, str(error))
    except (msgspec.DecodeError, RecursionError) as error:
        return None, Fault("not_json", None, str(error))


def _read_batch(plain: dict[str, Any], place: Place, max_age_s: float, decoded: Decoded) -> None:
    service, items = plain.get("service_name"), plain["metrics"]
    strangers = plain.keys() - {"service_name", "metrics"}
    if strangers:
        decoded.faults.append(Fault("invalid", None, f"unknown field {sorted(strangers)[0]}"))
    elif not isinstance(items, list) or not items:
        decoded.faults.append(Fault("invalid", None, "metrics must be a list that is not empty"))
    elif len(items) > MAX_ITEMS:
        decoded.faults.append(Fault("too_large", None, f"over {MAX_ITEMS} items"))
    else:
        for index, item in enumerate(items):
            if isinstance(item, dict):
                if item.get("service_name", service) != service:
                    fault = Fault("invalid", index, "names another service than its record")
                    decoded.faults.append(fault)
                    continue
                item = {"service_name": service, **item}
            _read_item(item, index, place, max_age_s, decoded)


def _read_item(
    item: object, index: int | None, place: Place, max_age_s: float, decoded: Decoded
) -> None:
    try:
        metric = read_metric(item, place.append_s, max_age_s, with_id=True)
    except MetricFault as fault:
        where = ".".join(str(part) for part in fault.loc)
        decoded.faults.append(Fault(fault.reason, index, f"{where}: {fault.msg}".lstrip(": ")))
        return
    if metric.id:
        decoded.given_ids.add(metric.id)
    decoded.metrics.append(metric)
    decoded.indexes.append(index or 0)
