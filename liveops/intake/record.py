"""From one record of `metrics.raw` to metrics and faults: the slow path's verdict. Pure.

A record is a metric object or `{"service_name", "metrics": [...]}`; in the latter good items
count and each bad one becomes a fault with its index.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from msgspec import Raw, Struct

from liveops.intake.faults import MAX_FAULTS, Fault
from liveops.intake.shapes import MAX_ITEMS, MAX_RECORD_BYTES
from liveops.intake.tolerant_json import NotJson, has_lone_surrogate, parse
from schema.metrics import Metric, MetricFault, read_metric


@dataclass(slots=True)
class DecodedRecord:
    """What a record holds: metrics, in `items` the position of each in it, and faults.

    A metric that brought no id has the id "".
    """

    metrics: list[Metric] = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    #: Bad items, also those that no fault tells.
    bad: int = 0

    def add_fault(self, reason: str, index: int | None, detail: str) -> None:
        """One more bad item; told up to MAX_FAULTS, and one that counts the rest."""
        self.bad += 1
        if self.bad <= MAX_FAULTS + 1:
            self.faults.append(Fault(reason, index, detail))


class _RawItems(Struct):
    """A batch record, its items as they are written."""

    metrics: list[Raw]


_decode_raw_items = msgspec.json.Decoder(_RawItems).decode


def decode_record(value: bytes, append_s: float, max_age_s: float) -> DecodedRecord:
    """Read one record that the broker took at `append_s` (epoch seconds); never raises."""
    decoded = DecodedRecord()
    plain, is_odd = _parsed(value, decoded)
    if decoded.faults:
        return decoded
    if isinstance(plain, dict) and "metrics" in plain:
        _read_batch(plain, append_s, max_age_s, decoded, is_odd=is_odd)
        if decoded.faults:
            _add_payloads(decoded, value)
    else:
        _read_item(plain, None, append_s, max_age_s, decoded, is_odd=is_odd)
    return decoded


def _parsed(value: bytes, decoded: DecodedRecord) -> tuple[Any, bool]:
    """The plain value, and whether only the tolerant reader took it."""
    if not value.strip():
        decoded.add_fault("empty", None, "the value is empty")
    elif len(value) > MAX_RECORD_BYTES:
        decoded.add_fault("too_large", None, f"over {MAX_RECORD_BYTES} bytes")
    else:
        try:
            return msgspec.json.decode(value), False
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        try:
            return parse(value), True
        except UnicodeDecodeError as error:
            decoded.add_fault("not_utf8", None, str(error))
        except NotJson as error:
            decoded.add_fault("not_json", None, str(error))
    return None, False


def _read_batch(
    plain: dict[str, Any], append_s: float, max_age_s: float, decoded: DecodedRecord, *,
    is_odd: bool,
) -> None:  # fmt: skip
    service, items = plain.get("service_name"), plain["metrics"]
    strangers = plain.keys() - {"service_name", "metrics"}
    if strangers:
        decoded.add_fault("invalid", None, f"unknown field {sorted(strangers)[0]!r:.100}")
    elif not isinstance(items, list) or not items:
        decoded.add_fault("invalid", None, "metrics must be a list that is not empty")
    elif len(items) > MAX_ITEMS:
        decoded.add_fault("too_large", None, f"over {MAX_ITEMS} items")
    else:
        for index, item in enumerate(items):
            if isinstance(item, dict):
                if item.get("service_name", service) != service:
                    decoded.add_fault("invalid", index, "names another service than its record")
                    continue
                item = {"service_name": service, **item}
            _read_item(item, index, append_s, max_age_s, decoded, is_odd=is_odd)


def _read_item(
    item: object, index: int | None, append_s: float, max_age_s: float, decoded: DecodedRecord, *,
    is_odd: bool,
) -> None:  # fmt: skip
    if is_odd and has_lone_surrogate(item):
        decoded.add_fault("invalid", index, "half a surrogate pair is no character")
        return
    try:
        metric = read_metric(item, append_s, max_age_s, with_id=True)
    except MetricFault as fault:
        where = ".".join(str(part) for part in fault.loc)
        decoded.add_fault(fault.reason, index, f"{where}: {fault.msg}".lstrip(": "))
        return
    decoded.metrics.append(metric)
    decoded.items.append(index or 0)


def _add_payloads(decoded: DecodedRecord, value: bytes) -> None:
    """Give each fault of an item that item as it was sent; the last told counts the rest."""
    try:
        raw = _decode_raw_items(value).metrics
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raw = []
    rest = decoded.bad - MAX_FAULTS
    decoded.faults = [
        replace(
            fault,
            payload=bytes(raw[fault.index]) if raw and fault.index is not None else None,
            more=max(0, rest) if number == MAX_FAULTS else 0,
        )
        for number, fault in enumerate(decoded.faults)
    ]
