"""Metrics from text: JSON array, NDJSON, CSV of many series, CSV of one series.

All readers stream but the JSON array, which must be parsed whole.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from liveops.errors import InvalidInput

LONG_HEADER = ["timestamp", "service_name", "metric_type", "value"]
SHORT_HEADER = ["timestamp", "value"]


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of a file; `at_s` in epoch seconds."""

    at_s: float
    service_name: str
    metric_type: str
    value: float
    tags: dict[str, str]

    def body(self) -> dict[str, Any]:
        """The metric object of `POST /api/metrics`."""
        body: dict[str, Any] = {
            "service_name": self.service_name,
            "metric_type": self.metric_type,
            "value": self.value,
            "timestamp": round(self.at_s, 6),
        }
        return body | ({"tags": self.tags} if self.tags else {})


@dataclass(frozen=True, slots=True)
class Naming:
    """Names for series that carry none, and the time for metrics without one."""

    service: str | None
    metric: str | None
    now_s: float


def read_rows(source: TextIO, naming: Naming) -> Iterator[Row]:
    """Rows of a file in any known format; raises InvalidInput with the line at fault."""
    lines = iter(source)
    first = next((line for line in lines if line.strip()), "")
    rest = itertools.chain([first], lines)
    start = first.lstrip("\ufeff \t")[:1]
    if start == "[":
        return _array("".join(rest), naming)
    if start == "{":
        return _ndjson(rest, naming)
    return _csv(rest, naming)


def parse_stamp_s(text: str) -> float:
    """Unix seconds or a date-time; without an offset it is UTC. Raises ValueError."""
    try:
        stamp = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text.strip())
        stamp = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(stamp):
        raise ValueError("time is not finite")
    return stamp


def _array(text: str, naming: Naming) -> Iterator[Row]:
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"not JSON: {error}") from None
    for number, item in enumerate(items, start=1):
        yield from _objects(item, naming, f"item {number}")


def _ndjson(lines: Iterable[str], naming: Naming) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                item = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise InvalidInput(f"line {number}: not JSON: {error}") from None
            yield from _objects(item, naming, f"line {number}")


def _objects(item: object, naming: Naming, where: str) -> Iterator[Row]:
    """One metric object, or several in `{"metrics": [...]}`."""
    if isinstance(item, dict) and isinstance(item.get("metrics"), list):
        outer = {key: value for key, value in item.items() if key != "metrics"}
        for inner in item["metrics"]:
            yield from _objects(outer | inner, naming, where)
        return
    if not isinstance(item, dict):
        raise InvalidInput(f"{where}: no metric: not an object")
    try:
        stamp = str(item.get("timestamp", naming.now_s))
        tags = item.get("tags") or {}
        yield _row(stamp, item["service_name"], item["metric_type"], item["value"], tags)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"{where}: no metric: {error}") from None


def _csv(lines: Iterable[str], naming: Naming) -> Iterator[Row]:
    reader = csv.reader(lines)
    header = [name.strip().lstrip("\ufeff") for name in next(reader, [])]
    if set(LONG_HEADER) <= set(header):
        place = [header.index(name) for name in LONG_HEADER]
    elif header == SHORT_HEADER:
        if naming.service is None or naming.metric is None:
            raise InvalidInput("a file of timestamp,value needs --service and --metric")
        place = []
    else:
        raise InvalidInput(f"unknown format: neither JSON nor CSV with {','.join(LONG_HEADER)}")
    for cells in reader:
        if not cells:
            continue
        try:
            if place:
                stamp, service, metric, value = (cells[index] for index in place)
            else:
                stamp, value = cells
                service, metric = naming.service or "", naming.metric or ""
            yield _row(stamp, service, metric, value, {})
        except (ValueError, IndexError) as error:
            raise InvalidInput(f"line {reader.line_num}: {error}") from None


def _row(stamp: str, service: str, metric: str, value: object, tags: dict[str, str]) -> Row:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("value is no number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("value is not finite")
    return Row(parse_stamp_s(stamp), service, metric, number, tags)
