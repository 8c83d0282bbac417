"""Lines of InfluxDB's line protocol. Pure.

measurement,tag=value,… field=value,… [time]
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from liveops.intake.telegraf import metrics_of
from schema.metrics import MetricFault, MetricIn

# A backslash takes the sign after it along. Nothing is tried twice: the quantifiers are possessive.
_NAME = r"(?=[^, \t])[^\\, \t]*+(?:\\.[^\\, \t]*+)*+"
_KEY = r"(?=[^,= \t])[^\\,= \t]*+(?:\\.[^\\,= \t]*+)*+"
_VALUE = r'(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^," \t]++)'
_LINE = re.compile(
    rf"(?P<name>{_NAME})(?P<tags>(?:,{_KEY}={_KEY})*+)[ \t]++"
    rf"(?P<fields>{_KEY}={_VALUE}(?:,{_KEY}={_VALUE})*+)(?:[ \t]++(?P<time>-?[0-9]{{1,20}}))?"
)
_TAG = re.compile(rf",({_KEY})=({_KEY})")
_FIELD = re.compile(rf"({_KEY})=({_VALUE})")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"(-?[0-9]{1,20})i|([0-9]{1,20})u")
_BOOLEANS = frozenset("t T true True TRUE f F false False FALSE".split())
#: Before other signs a backslash is a backslash.
_ESCAPED = re.compile(r"\\([,= ])")
_BARE_EQUALS = re.compile(r"(?:[^\\=]|\\.)*=")

Line = re.Match[str]


def line_of(text: str) -> Line | None:
    """The parts of a line without its end, or None when it is none of this protocol."""
    return _LINE.fullmatch(text.strip(" \t"))


def read_line(line: Line) -> Iterator[MetricIn | MetricFault]:
    """A metric for each field, in the order they are written."""
    name, time = line["name"], line["time"]
    if _BARE_EQUALS.match(name):
        yield MetricFault(
            [], "ambiguous: before the first blank stands an equals sign that is not escaped, as "
            "in logfmt; of line protocol the measurement comes first",
        )  # fmt: skip
        return
    pairs = _TAG.findall(line["tags"])
    tags = {_plain(key): _plain(value) for key, value in pairs}
    if len(tags) < len(pairs):
        yield MetricFault(["tags"], "a tag is there twice")
        return
    fields = ((_plain(key), _value(value)) for key, value in _FIELD.findall(line["fields"]))
    yield from metrics_of(_plain(name), tags, fields, None if time is None else int(time))


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def _value(text: str) -> float | bool | str | None:
    """A field's value; None when it is of no type of the protocol."""
    if _FLOAT.fullmatch(text):
        return float(text)
    whole = _WHOLE.fullmatch(text)
    if whole is not None:
        number = int(whole[1] or whole[2])
        low, high = (0, 2**64) if whole[2] else (-(2**63), 2**63)
        return float(number) if low <= number < high else None
    if text in _BOOLEANS:
        return text[0] in "tT"
    return text if text[0] == '"' else None
