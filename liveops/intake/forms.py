"""Whose form an object has: ours, Telegraf's or Vector's. Told by its fields alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from liveops.intake.item import NotJson, fault_of_json, read_item, refuse_malformed
from liveops.intake.telegraf import read_telegraf
from liveops.intake.vector import MEASURES, read_vector
from schema.metrics import Metric, MetricFault, MetricIn, fault_of, judge

Reader = Callable[[bytes], Iterator[MetricIn | MetricFault]]
Verdicts = Iterator[Metric | MetricFault]


class Outline(Struct):
    """The fields of an object that tell its form; the values are not read."""

    service_name: Raw | UnsetType = UNSET
    metric_type: Raw | UnsetType = UNSET
    metrics: Raw | UnsetType = UNSET
    fields: Raw | UnsetType = UNSET
    counter: Raw | UnsetType = UNSET
    gauge: Raw | UnsetType = UNSET
    set: Raw | UnsetType = UNSET
    distribution: Raw | UnsetType = UNSET
    aggregated_histogram: Raw | UnsetType = UNSET
    aggregated_summary: Raw | UnsetType = UNSET
    sketch: Raw | UnsetType = UNSET


decode_outline = msgspec.json.Decoder(Outline).decode


OURS, TELEGRAF, VECTOR = "LiveOps", "Telegraf", "Vector"
_MARKS = {
    **dict.fromkeys(("service_name", "metric_type"), OURS),
    "fields": TELEGRAF,
    **dict.fromkeys(MEASURES, VECTOR),
}


def marks_of(outline: Outline) -> list[str]:
    """The fields of an object that tell a form."""
    return [name for name in _MARKS if getattr(outline, name) is not UNSET]


def forms_of(outline: Outline) -> set[str]:
    """The forms of which an object has a mark."""
    return {_MARKS[name] for name in marks_of(outline)}


_READERS: dict[str, Reader] = {TELEGRAF: read_telegraf, VECTOR: read_vector}


def read_object(text: bytes, now_s: float, max_age_s: float) -> Verdicts:
    """The verdict on each metric of an object of any of the forms; raises NotJson.

    `now_s` stands in for a missing time and bounds it (`judge`). Ours is one metric, the others
    are as many as they have values.
    """
    try:
        marks = marks_of(decode_outline(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        marks = []  # no object, or one that cannot be read
    forms = {_MARKS[name] for name in marks}
    if len(forms) > 1 or (len(marks) > 1 and forms == {VECTOR}):
        told = " and ".join(f"{name} ({_MARKS[name]})" for name in marks)
        yield MetricFault([], f"ambiguous: has {told}")
        return
    reader = _READERS.get(next(iter(forms), OURS))
    if reader is None:
        yield read_item(text, now_s, max_age_s, with_id=True)
    else:
        yield from _judged(reader, text, now_s, max_age_s)


def _judged(reader: Reader, text: bytes, now_s: float, max_age_s: float) -> Verdicts:
    try:
        for found in reader(text):
            yield found if isinstance(found, MetricFault) else judge(found, now_s, max_age_s)
    except msgspec.ValidationError as error:
        yield fault_of_json(text) or fault_of(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        refuse_malformed(error)
        yield fault_of_json(text) or MetricFault([], "cannot be read")


def read_line_alone(text: bytes, now_s: float, max_age_s: float) -> Verdicts:
    """`read_object` of a line of a record; that it is not JSON is its own fault."""
    try:
        yield from read_object(text, now_s, max_age_s)
    except (NotJson, RecursionError) as error:
        yield MetricFault([], str(error), "not_json")
