"""Records of many items that need not be of one service: lists, and lines of two kinds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
from msgspec import Raw

from liveops.intake.decoded_record import DecodedRecord
from liveops.intake.forms import Verdicts, decode_outline, read_object
from liveops.intake.item import NotJson, read_item
from liveops.intake.json_array import ArraySplitter
from liveops.intake.line_protocol import line_of, read_line
from liveops.intake.shapes import MAX_ITEMS
from schema.metrics import MetricFault, judge

_decode_list = msgspec.json.Decoder(list[Raw]).decode


def read_each(
    items: Iterable[Raw | bytes],
    read: Callable[[bytes, float, float], Verdicts],
    append_s: float,
    max_age_s: float,
    decoded: DecodedRecord,
) -> None:
    """Items of any form and service; what they hold is counted through the whole record."""
    index = 0
    for raw in items:
        item = bytes(raw).strip()
        for verdict in read(item, append_s, max_age_s):
            if index == MAX_ITEMS:
                decoded.refuse("too_large", f"over {MAX_ITEMS} values")
                return
            decoded.take(verdict, index, item)
            index += 1


def lines_of(text: bytes) -> list[bytes]:
    """The lines of a text that are not empty, without the blanks around them."""
    return [line for line in map(bytes.strip, text.splitlines()) if line]


def are_objects(lines: list[bytes]) -> bool:
    """Whether these are objects, one a line: all look so, or the first surely is one."""
    if len(lines) < 2:
        return False
    if all(line[:1] == b"{" and line[-1:] == b"}" for line in lines):
        return True
    try:
        decode_outline(lines[0])
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def read_list(text: bytes, append_s: float, max_age_s: float, decoded: DecodedRecord) -> None:
    """A JSON list of objects."""
    items: Sequence[Raw | bytes]
    try:
        items = _decode_list(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text.decode()  # raises UnicodeDecodeError
        splitter = ArraySplitter(text, 0)
        items = [item for block in splitter.blocks() for item in block]
        if splitter.end != len(text):
            raise NotJson("something follows the list") from None
    if not items:
        decoded.add_fault("invalid", None, "the list is empty")
        return
    read_each(items, read_object, append_s, max_age_s, decoded)


def read_text(text: bytes, append_s: float, max_age_s: float, decoded: DecodedRecord) -> None:
    """Lines of line protocol, if one of them surely is; else nothing that is known."""
    text.decode()  # raises UnicodeDecodeError
    if b"=" in text:
        lines = [line for line in lines_of(text) if not line.startswith(b"#")]  # comments
        if any(map(_is_measurement, lines)):
            read_each(lines, _read_measurement, append_s, max_age_s, decoded)
            return
    decoded.take(read_item(text, append_s, max_age_s, with_id=True), None, text)


def _is_measurement(line: bytes) -> bool:
    return line_of(line.decode()) is not None


def _read_measurement(line: bytes, append_s: float, max_age_s: float) -> Verdicts:
    found = line_of(line.decode())
    if found is None:
        yield MetricFault([], "not a line of line protocol")
        return
    for item in read_line(found):
        yield item if isinstance(item, MetricFault) else judge(item, append_s, max_age_s)
