"""One item of a file to a metric, through the one verdict; the time as the file means it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw, structs

from liveops.intake.item import NotJson, read_item
from liveops.intake.json_array import ArraySplitter, NotAnArray
from liveops.send.times import FileTimes, as_number
from schema.kinds import GAUGE, KINDS, Kind
from schema.metrics import Metric, MetricFault, MetricIn, judge

#: How a value that was not measured is written.
_GAPS = frozenset({"", "-", "nan", "null", "none", "na", "n/a"})
_NAN = re.compile(rb'("value"\s*:\s*)NaN\b')
#: Kinds that a cell may name: a histogram does not fit into one.
_KINDS: dict[str, Kind] = {kind: kind for kind in KINDS if kind != "histogram"}
_ANY_AGE_S = float("inf")

_decode = msgspec.json.Decoder(MetricIn).decode
_decode_tags = msgspec.json.Decoder(dict[str, str]).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode


@dataclass(frozen=True, slots=True)
class Row:
    """Item `number` of a file (from 1), which begins at `line`: a metric, or why it is none.

    The metric's time is the file's; without one (`timed` False) it is the time of reading.
    """

    number: int
    line: int
    verdict: Metric | MetricFault
    timed: bool = True


@dataclass(slots=True)
class Reading:
    """How to read a file: names for what carries none, its times, the present moment.

    `told` collects what the user should know about the file as a whole.
    """

    service: str | None = None
    metric: str | None = None
    times: FileTimes = field(default_factory=FileTimes)
    now_s: float = 0.0
    told: list[str] = field(default_factory=list)

    def defaults(self) -> bytes:
        """Beginning of a JSON object: what an item's own fields stand in for."""
        named = {"service_name": self.service, "metric_type": self.metric}
        return b"".join(
            msgspec.json.encode(name) + b":" + msgspec.json.encode(text) + b","
            for name, text in named.items()
            if text is not None
        )


def of_json(
    text: bytes, line: int, reading: Reading
) -> Iterator[tuple[int, Metric | MetricFault, bool]]:
    """(line, verdict, timed) of one JSON value: a metric, an array or `{"metrics": [...]}`."""
    if text[:1] == b"[":
        yield from _of_array(text, line, reading, reading.defaults())
        return
    verdict, timed = _of_object(text, reading, reading.defaults())
    batch = _as_batch(text) if isinstance(verdict, MetricFault) else None
    if batch is None:
        yield line, verdict, timed
        return
    outer, items, before = batch
    yield from _of_array(items, line + before, reading, reading.defaults() + outer)


def _as_batch(text: bytes) -> tuple[bytes, bytes, int] | None:
    """The outer fields, the array of a batch and the line ends before it."""
    if b'"metrics"' not in text:
        return None
    try:
        fields = _decode_fields(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    items = bytes(fields.pop("metrics", b""))
    if items[:1] != b"[":
        return None
    outer = b"".join(
        msgspec.json.encode(name) + b":" + bytes(value) + b"," for name, value in fields.items()
    )
    return outer, items, text[: text.find(items)].count(b"\n")


def _of_array(
    text: bytes, line: int, reading: Reading, defaults: bytes
) -> Iterator[tuple[int, Metric | MetricFault, bool]]:
    try:
        for block in ArraySplitter(text, 0).blocks():
            for item in block:
                start = item.lstrip()
                begin = line + item[: len(item) - len(start)].count(b"\n")
                line += item.count(b"\n")
                if start:
                    yield begin, *_of_object(start.rstrip(), reading, defaults)
    except NotAnArray as error:
        yield line, MetricFault([], f"not JSON: {error}", "not_json"), False


def _of_object(text: bytes, reading: Reading, defaults: bytes) -> tuple[Metric | MetricFault, bool]:
    if defaults and text[:1] == b"{":
        rest = text[1:].lstrip()
        # Of a name given twice the last counts: the item's own.
        text = b"{" + (defaults[:-1] if rest[:1] == b"}" else defaults) + rest
    try:
        verdict = read_item(text, reading.now_s, _ANY_AGE_S)
    except NotJson:
        # Many writers put a number that is none so, which JSON does not know.
        nulled = _NAN.sub(rb"\1null", text)
        if nulled != text:
            return _of_object(nulled, reading, b"")
        return MetricFault([], "not JSON", "not_json"), False
    if isinstance(verdict, MetricFault):
        if verdict.loc == ["value"] and _has_gap(text):
            return MetricFault(["value"], "no value", "gap"), False
        if verdict.loc not in (["timestamp"], ["start"]):
            return verdict, False
    try:
        sent = _decode(text)
    except msgspec.ValidationError:
        return verdict, False  # the form of the time is the fault
    return _timed(structs.replace(sent, timestamp=None), sent.timestamp, reading)


def is_gap(text: str) -> bool:
    """Whether a cell says that there is no value."""
    return text.strip(" \t").lower() in _GAPS


def _has_gap(text: bytes) -> bool:
    value = bytes(_decode_fields(text).get("value", b"?"))
    return is_gap(value.strip(b'" ').decode(errors="replace"))


def of_cells(
    stamp: str, service: str, metric: str, value: str, tags: dict[str, str], reading: Reading,
    kind: str = GAUGE,
) -> Metric | MetricFault:  # fmt: skip
    """The verdict on a row of a table."""
    found = _KINDS.get(kind)
    if found is None:
        return MetricFault(["kind"], f"none of {', '.join(_KINDS)}")
    if is_gap(value):
        return MetricFault(["value"], "no value", "gap")
    try:
        number = as_number(value)
    except ValueError as error:
        return MetricFault(["value"], str(error))
    sent = MetricIn(service.strip(), metric.strip(), number, tags, kind=found)
    return _timed(sent, stamp, reading)[0]


def tags_of(text: str) -> dict[str, str]:
    """The tags of a cell that holds a JSON object; raises MetricFault."""
    if is_gap(text):
        return {}
    try:
        return _decode_tags(text.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise MetricFault(["tags"], "not a JSON object of texts") from None


def _timed(
    sent: MetricIn, stamp: float | str | None, reading: Reading
) -> tuple[Metric | MetricFault, bool]:
    """The verdict on all but the time, and then the file's time."""
    # Of a counter's start only the form is known before the file's time is.
    began = sent.start if sent.kind == "counter" and stamp is not None else None
    if began is not None:
        sent = structs.replace(sent, start=None)
    verdict = judge(sent, reading.now_s, _ANY_AGE_S)
    if isinstance(verdict, MetricFault) or stamp is None:
        return verdict, False
    try:
        time_s = reading.times.seconds(stamp, verdict)
    except ValueError as error:
        return MetricFault(["timestamp"], str(error)), False
    try:
        start_s = None if began is None else reading.times.seconds(began)
    except ValueError as error:
        return MetricFault(["start"], str(error)), False
    if start_s is not None and start_s > time_s:
        return MetricFault(["start"], "must be a time not after the timestamp"), False
    return structs.replace(verdict, timestamp_s=time_s, start_s=start_s), True
