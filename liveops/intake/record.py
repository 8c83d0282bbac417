"""From one record of `metrics.raw` to metrics and faults: the slow path's verdict. Pure.

A record is an object (a metric of ours, `{"service_name", "metrics": [...]}`, a metric of
Telegraf or Vector), `{"metrics": [...]}`, a list or lines of such objects, or lines of line
protocol: the shape tells. Good items count and each bad one becomes a fault with its index.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from liveops.intake.decoded_record import DecodedRecord
from liveops.intake.faults import Fault
from liveops.intake.forms import (
    OURS,
    Outline,
    decode_outline,
    forms_of,
    read_line_alone,
    read_object,
)
from liveops.intake.item import NotJson, check_json, read_item, refuse_malformed, surely_malformed
from liveops.intake.json_array import ArraySplitter, NotAnArray
from liveops.intake.many import are_objects, lines_of, read_each, read_list, read_text
from liveops.intake.shapes import MAX_ITEMS, MAX_RECORD_BYTES
from schema.metrics import Metric, MetricFault

#: What some editors and programs write before a text.
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: Where the items of a batch begin, if the service comes before them.
_ITEMS = b'"metrics"'


class _Batch(Struct, forbid_unknown_fields=True):
    """A batch record, its items as they are written."""

    metrics: list[Raw]
    service_name: str | None = None


class _BatchMember(Struct):
    """What tells whether an item names another service than its record."""

    service_name: str | UnsetType = UNSET


#: How objects and lists may begin; the rest of these is white space.
_MAY_BE_JSON = frozenset({b"", b"{", b"[", b" ", b"\t", b"\n", b"\r", b"\v", b"\f"})
_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_member = msgspec.json.Decoder(_BatchMember).decode
_encode = msgspec.json.encode


def fault_of_text(value: bytes) -> Fault | None:
    """The fault of a record that is surely of no form; None where that takes a closer look.

    Floods of bad input are lines of text: this much has to be quick.
    """
    if value[:1] in _MAY_BE_JSON or len(value) > MAX_RECORD_BYTES or not value.isascii():
        return None
    if b"=" in value:  # may be line protocol
        return None
    why = surely_malformed(value)
    return None if why is None else Fault("not_json", None, why)


def decode_record(value: bytes, append_s: float, max_age_s: float) -> DecodedRecord:
    """Read one record that the broker took at `append_s` (epoch seconds); never raises."""
    decoded = DecodedRecord()
    text = value.removeprefix(_BYTE_ORDER_MARK).strip()
    if not text:
        decoded.add_fault("empty", None, "the value is empty")
    elif len(value) > MAX_RECORD_BYTES:
        decoded.add_fault("too_large", None, f"over {MAX_RECORD_BYTES} bytes")
    else:
        read = _READERS.get(text[:1], read_text)
        try:
            read(text, append_s, max_age_s, decoded)
        except UnicodeDecodeError as error:
            decoded.refuse("not_utf8", str(error))
        except (NotJson, NotAnArray, RecursionError) as error:
            decoded.refuse("not_json", str(error))
    return decoded


def _read_objects(text: bytes, append_s: float, max_age_s: float, decoded: DecodedRecord) -> None:
    """One object, or one a line."""
    try:
        outline = decode_outline(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        text.decode()  # raises UnicodeDecodeError
        lines = lines_of(text)
        if are_objects(lines):
            read_each(lines, read_line_alone, append_s, max_age_s, decoded)
            return
        refuse_malformed(error)
        if _ITEMS in text:
            _read_split(text, append_s, max_age_s, decoded)
            return
        outline = Outline()
    if outline.metrics is not UNSET:
        try:
            batch = _decode_batch(text)
        except msgspec.ValidationError as error:
            decoded.add_fault("invalid", None, str(error))
            return
        _read_items(batch.service_name, batch.metrics, append_s, max_age_s, decoded)
    elif forms_of(outline) - {OURS}:
        read_each([text], read_object, append_s, max_age_s, decoded)
    else:
        decoded.take(read_item(text, append_s, max_age_s, with_id=True), None, text)


_READERS = {b"{": _read_objects, b"[": read_list}


def _read_split(value: bytes, append_s: float, max_age_s: float, decoded: DecodedRecord) -> None:
    """A batch of which an item cannot be read: its items are told apart by their brackets."""
    start = value.find(b"[", value.index(_ITEMS))
    if start < 0:
        check_json(value)
        decoded.add_fault("invalid", None, "metrics must be a list")
        return
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
    if service is None:
        read_each(items, read_object, append_s, max_age_s, decoded)
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
        decoded.take(verdict, index, item)


def _service_in(item: bytes) -> str | None:
    """The service an item names itself, as far as that can be read."""
    try:
        named = _decode_member(item).service_name
    except (msgspec.DecodeError, RecursionError):
        return None
    return None if named is UNSET else named
