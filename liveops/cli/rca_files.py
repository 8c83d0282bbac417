"""The files that `liveops rca` reads: metrics, topology, changes."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from liveops.errors import InvalidInput
from liveops.rca.changes import Change
from liveops.rca.series import SeriesTable, from_columns
from schema.times import TimeReader, unix_time_s

_COLUMNS = ("timestamp", "service_name", "metric_type", "value")
#: Longer names are no names.
_MAX_NAME = 512


@dataclass(frozen=True)
class Metrics:
    """Series split at the incident's start, and how many rows could not be read."""

    series: SeriesTable
    refused: int


def time_s(text: str, reader: TimeReader) -> float:
    """Seconds since the epoch of RFC 3339 or Unix time; ValueError otherwise."""
    try:
        number = float(text)
    except ValueError:
        return reader.read(text.strip())
    if not math.isfinite(number):
        raise ValueError("not a time")
    return unix_time_s(number)


def read_metrics(path: Path, at_s: float) -> Metrics:
    """CSV with the columns timestamp, service_name, metric_type, value, in any order.

    Rows that are not of this form are counted; values that are no numbers (empty, NaN,
    infinite) are gaps. InvalidInput when the file has no such columns or no text.
    """
    names: dict[tuple[str, str], int] = {}
    rows: list[int] = []
    times: list[float] = []
    values: list[float] = []
    refused = 0
    reader = TimeReader()
    for cells in _rows(path):
        try:
            at, service, metric, value = cells
            moment, number = time_s(at, reader), float(value or "nan")
        except ValueError:
            refused += 1
            continue
        if not (0 < len(service) <= _MAX_NAME and 0 < len(metric) <= _MAX_NAME):
            refused += 1
        elif math.isfinite(number):
            rows.append(names.setdefault((service, metric), len(names)))
            times.append(moment)
            values.append(number)
    series = from_columns(
        tuple(names), np.array(rows, np.int64), np.array(times), np.array(values), at_s
    )
    return Metrics(series, refused)


def _rows(path: Path) -> Iterator[list[str]]:
    """Cells of each row in the order of `_COLUMNS`; too short rows come as they are."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as source:
            lines = csv.reader(line.replace("\0", "") for line in source)
            header = [cell.strip().lower() for cell in next(lines, [])]
            missing = [name for name in _COLUMNS if name not in header]
            if missing:
                raise InvalidInput(f"{path}: no column {', '.join(missing)}")
            places = [header.index(name) for name in _COLUMNS]
            for row in lines:
                if row:
                    yield [row[i].strip() for i in places] if len(row) > max(places) else []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{path}: {error}") from None


def read_topology(path: Path) -> list[tuple[str, str]]:
    """Edges (caller, callee) of `{"edges":[{"from","to"}]}`; InvalidInput otherwise."""
    edges = _document(path)
    edges = edges.get("edges") if isinstance(edges, dict) else None
    if not isinstance(edges, list):
        raise InvalidInput(f'{path}: not {{"edges":[{{"from","to"}}]}}')
    found = []
    for number, edge in enumerate(edges):
        ends = (edge.get("from"), edge.get("to")) if isinstance(edge, dict) else (None, None)
        if not all(isinstance(end, str) and end for end in ends):
            raise InvalidInput(f"{path}: edge {number} needs the names `from` and `to`")
        found.append((str(ends[0]), str(ends[1])))
    return found


def read_changes(path: Path) -> list[Change]:
    """Changes of `[{"service_name","at","kind"}]`; InvalidInput otherwise."""
    items = _document(path)
    if isinstance(items, dict):
        items = items.get("items", [])
    reader = TimeReader()
    try:
        return [
            Change(
                str(item["service_name"]),
                time_s(str(item["at"]), reader),
                str(item.get("kind", "deploy")),
            )
            for item in items
        ]
    except (TypeError, KeyError, ValueError, AttributeError):
        raise InvalidInput(f'{path}: not [{{"service_name","at","kind"}}]') from None


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path}: {error}") from None
