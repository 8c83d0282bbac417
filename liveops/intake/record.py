"""From one record of `metrics.raw` to metrics and faults: the slow path's verdict. Pure.

A record is a metric object or `{"service_name", "metrics": [...]}`; in the latter good items
count and each bad one becomes a fault with its index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from liveops.intake.faults import MAX_FAULTS, Fault
from liveops.intake.item import NotJson, check_json, read_item, refuse_malformed, surely_malformed
from liveops.intake.json_array import ArraySplitter, NotAnArray
from liveops.intake.shapes import MAX_ITEMS, MAX_RECORD_BYTES
from schema.metrics import Metric, MetricFault

#: Where the items of a batch begin, if the service comes before them.
_ITEMS = b'"metrics"'


class _Batch(Struct, forbid_unknown_fields=True):
    """A batch record, its items as they are written."""

    metrics: list[Raw]
    service_name: str | None = None


class _BatchMember(Struct):
    """What tells whether an item names another service than its record."""

    service_name: str | UnsetType = UNSET


class _Outline(Struct):
    """Whether an object has `metrics` at all."""

    metrics: Raw | UnsetType = UNSET


#: How an object may begin; the rest of these is white space.
_MAY_BE_OBJECT = frozenset({b"", b"{", b" ", b"\t", b"\n", b"\r", b"\v", b"\f"})
_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_member = msgspec.json.Decoder(_BatchMember).decode
_decode_outline = msgspec.json.Decoder(_Outline).decode
_encode = msgspec.json.encode


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

    def add_fault(
        self, reason: str, index: int | None, detail: str, payload: bytes | None = None
    ) -> None:
        """One more bad item; told up to MAX_FAULTS, and one that counts the rest."""
        self.bad += 1
        if self.bad <= MAX_FAULTS:
            self.faults.append(Fault(reason, index, detail, payload))
        elif self.bad == MAX_FAULTS + 1:
            self.faults.append(Fault(reason, index, detail, payload, more=1))
        else:
            last = self.faults[-1]
            last.more += 1


def fault_of_text(value: bytes) -> Fault | None:
    """The fault of a record that is surely no JSON; None where that takes a closer look.

    Floods of bad input are lines of text: this much has to be quick.
    """
    if value[:1] in _MAY_BE_OBJECT or len(value) > MAX_RECORD_BYTES or not value.isascii():
        return None
    why = surely_malformed(value)
    return None if why is None else Fault("not_json", None, why)


def decode_record(value: bytes, append_s: float, max_age_s: float) -> DecodedRecord:
    """Read one record that the broker took at `append_s` (epoch seconds); never raises."""
    decoded = DecodedRecord()
    text = value.strip()
    if not text:
        decoded.add_fault("empty", None, "the value is empty")
    elif len(value) > MAX_RECORD_BYTES:
        decoded.add_fault("too_large", None, f"over {MAX_RECORD_BYTES} bytes")
    else:
        try:
            if text.startswith(b"{"):
                _read(value, append_s, max_age_s, decoded)
            else:
                value.decode()
                _take(read_item(value, append_s, max_age_s, with_id=True), None, value, decoded)
        except UnicodeDecodeError as error:
            decoded.add_fault("not_utf8", None, str(error))
        except (NotJson, NotAnArray, RecursionError) as error:
            decoded.add_fault("not_json", None, str(error))
    return decoded


def _read(value: bytes, append_s: float, max_age_s: float, decoded: DecodedRecord) -> None:
    try:
        outline = _decode_outline(value)
    except msgspec.ValidationError:  # no object, or an impossible metrics
        outline = _Outline()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        value.decode()  # raises UnicodeDecodeError
        refuse_malformed(error)
        if _ITEMS in value:
            _read_split(value, append_s, max_age_s, decoded)
            return
        outline = _Outline()
    if outline.metrics is UNSET:
        verdict = read_item(value, append_s, max_age_s, with_id=True)
        _take(verdict, None, value, decoded)
        return
    try:
        batch = _decode_batch(value)
    except msgspec.ValidationError as error:
        decoded.add_fault("invalid", None, str(error))
        return
    _read_items(batch.service_name, batch.metrics, append_s, max_age_s, decoded)


def _read_split(value: bytes, append_s: float, max_age_s: float, decoded: DecodedRecord) -> None:
    """A batch of which an item cannot be read: its items are told apart by their brackets."""
    start = value.index(b"[", value.index(_ITEMS))
    splitter = ArraySplitter(value, start)
    items = [item for block in splitter.blocks() for item in block]
    shell = value[:start] + b"[]" + value[splitter.end :]
    check_json(shell)
    try:
        batch = _decode_batch(shell)
    except (msgspec.DecodeError, RecursionError) as error:
        decoded.add_fault("invalid", None, str(error))
        return
    _read_items(batch.service_name, items, append_s, max_age_s, decoded)


def _read_items(
    service: str | None,
    items: Sequence[Raw | bytes],
    append_s: float,
    max_age_s: float,
    decoded: DecodedRecord,
) -> None:
    if not items:
        decoded.add_fault("invalid", None, "metrics must be a list that is not empty")
        return
    if len(items) > MAX_ITEMS:
        decoded.add_fault("too_large", None, f"over {MAX_ITEMS} items")
        return
    prefix = b'{"service_name":' + _encode(service) + b","
    for index, raw in enumerate(items):
        item = bytes(raw).strip()
        verdict: Metric | MetricFault
        if b'"service_name"' in item and _service_in(item) not in (service, None):
            verdict = MetricFault(["service_name"], "is another service than its record's")
        else:
            whole = item
            if item[:1] == b"{" and _service_in(item) is None and item[1:].lstrip()[:1] == b'"':
                whole = prefix + item[1:]
            verdict = read_item(whole, append_s, max_age_s, with_id=True)
        _take(verdict, index, item, decoded)


def _service_in(item: bytes) -> str | None:
    """The service an item names itself, as far as that can be read."""
    try:
        named = _decode_member(item).service_name
    except (msgspec.DecodeError, RecursionError):
        return None
    return None if named is UNSET else named


def _take(
    verdict: Metric | MetricFault, index: int | None, item: bytes, decoded: DecodedRecord
) -> None:
    if isinstance(verdict, MetricFault):
        where = ".".join(str(part) for part in verdict.loc)
        detail = f"{where}: {verdict.msg}".lstrip(": ")
        payload = None if index is None else item
        decoded.add_fault(verdict.reason, index, detail, payload)
        return
    decoded.metrics.append(verdict)
    decoded.items.append(index or 0)
