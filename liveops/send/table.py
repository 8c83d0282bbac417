"""Tables of metrics: which delimiter, which column means what, rows to metrics."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TextIO

from liveops.errors import InvalidInput
from liveops.send.rows import Reading, is_gap, of_cells, tags_of
from liveops.send.times import as_number
from schema.kinds import GAUGE
from schema.metrics import Metric, MetricFault, is_metric_type, is_service_name

DELIMITERS = (",", ";", "\t", "|")
#: What a column may be called, the preferred name first.
_NAMES = {
    "timestamp": ("timestamp", "time", "ts", "datetime", "date"),
    "service_name": ("service_name", "service", "servicename"),
    "metric_type": ("metric_type", "metric", "metrictype", "metric_name", "name"),
    "value": ("value",),
    "kind": ("kind",),
}
_TAGS, _TAG = "tags", "tag:"
_SHORT, _LONG = ("timestamp", "value"), ("timestamp", "service_name", "metric_type", "value")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a row what stands; a name that no column gives is None."""

    timestamp: int
    value: int
    service_name: int | None
    metric_type: int | None
    tags: int | None
    tag: dict[str, int]
    count: int
    kind: int | None = None

    @property
    def used(self) -> set[int]:
        """All columns that are read."""
        one = {
            self.timestamp, self.value, self.service_name, self.metric_type, self.tags, self.kind,
        }  # fmt: skip
        return {place for place in one if place is not None} | {*self.tag.values()}


def read_table(source: TextIO, reading: Reading) -> Iterator[tuple[int, Metric | MetricFault]]:
    """(line, verdict) of each row; raises InvalidInput when this is no table of metrics."""
    blank = 0
    for first in source:
        if first.strip():
            break
        blank += 1
    else:
        return
    delimiter, header, columns = _shape(first, reading)
    lines: Iterator[str] = source if header else chain([first], source)
    # Without a header the first line is read again as data.
    start = blank + (1 if header else 0)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    line = start
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield line + 1, MetricFault([], f"no row of a table: {error}")
        else:
            if cells is None:
                return
            # Files that were joined repeat their header.
            if any(cells) and not (cells == header):
                yield line + 1, _of_row(cells, columns, reading)
        line = start + reader.line_num


def _of_row(cells: list[str], columns: Columns, reading: Reading) -> Metric | MetricFault:
    if len(cells) != columns.count and (
        len(cells) <= max(columns.used) or any(cells[columns.count :])
    ):
        return MetricFault([], f"{len(cells)} cells in a table of {columns.count} columns")
    try:
        tags = _tags(cells, columns)
    except MetricFault as fault:
        return fault
    service = reading.service if columns.service_name is None else cells[columns.service_name]
    metric = reading.metric if columns.metric_type is None else cells[columns.metric_type]
    stamp, value = cells[columns.timestamp].strip(), cells[columns.value]
    kind = GAUGE if columns.kind is None else cells[columns.kind].strip().lower() or GAUGE
    return of_cells(stamp, service or "", metric or "", value, tags, reading, kind)


def _tags(cells: list[str], columns: Columns) -> dict[str, str]:
    if columns.tags is None and not columns.tag:
        return {}
    tags = {} if columns.tags is None else tags_of(cells[columns.tags])
    tags |= {name: cells[place] for name, place in columns.tag.items() if cells[place]}
    try:
        "".join(chain.from_iterable(tags.items())).encode()
    except UnicodeEncodeError:
        raise MetricFault(["tags"], "a text is not Unicode") from None
    return tags


def _shape(first: str, reading: Reading) -> tuple[str, list[str], Columns]:
    """Delimiter, header (empty without one) and columns."""
    rows = {delimiter: _cells(first, delimiter) for delimiter in DELIMITERS}
    for delimiter, cells in rows.items():
        columns = _by_header(cells)
        if columns is not None:
            _check_names(columns, reading)
            _tell_ignored(cells, columns, reading)
            return delimiter, cells, columns
    for delimiter, cells in rows.items():
        columns = _by_data(cells, reading)
        if columns is not None:
            _check_names(columns, reading)
            return delimiter, [], columns
    raise InvalidInput(f"unknown format: neither JSON nor a table with {','.join(_LONG)}")


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return []


def _normal(cells: Sequence[str]) -> list[str]:
    """Names as they are compared: case, spaces and quotes around do not matter."""
    return [
        cell.strip("\ufeff \t'\"\n").lower().replace(" ", "_").replace("-", "_") for cell in cells
    ]


def _by_header(cells: list[str]) -> Columns | None:
    names = _normal(cells)

    def place(field: str) -> int | None:
        return next((names.index(name) for name in _NAMES[field] if name in names), None)

    timestamp, value = place("timestamp"), place("value")
    if timestamp is None or value is None:
        return None
    return Columns(
        timestamp,
        value,
        place("service_name"),
        place("metric_type"),
        names.index(_TAGS) if _TAGS in names else None,
        {
            cells[at].strip("\ufeff \t'\"\n")[len(_TAG) :].strip(): at
            for at, name in enumerate(names)
            if name.startswith(_TAG)
        },
        len(cells),
        place("kind"),
    )


def _by_data(cells: list[str], reading: Reading) -> Columns | None:
    """The columns of a table without header, when its first row reads as data."""
    if len(cells) not in (len(_SHORT), len(_LONG)):
        return None
    try:
        reading.times.seconds(cells[0])
        if not is_gap(cells[-1]):
            as_number(cells[-1])
    except ValueError:
        return None
    if len(cells) == len(_SHORT):
        return Columns(0, 1, None, None, None, {}, 2)
    if not (is_service_name(cells[1].strip()) and is_metric_type(cells[2].strip())):
        return None
    return Columns(0, 3, 1, 2, None, {}, 4)


def _check_names(columns: Columns, reading: Reading) -> None:
    missing = [
        option
        for option, place, given in (
            ("--service", columns.service_name, reading.service),
            ("--metric", columns.metric_type, reading.metric),
        )
        if place is None and given is None
    ]
    if missing:
        raise InvalidInput(f"no column names it: this table needs {' and '.join(missing)}")


def _tell_ignored(cells: list[str], columns: Columns, reading: Reading) -> None:
    ignored = [
        cell.strip() or "(no name)" for at, cell in enumerate(cells) if at not in columns.used
    ]
    told = f"columns not read: {', '.join(ignored[:10])}" + (", …" if len(ignored) > 10 else "")
    if ignored and told not in reading.told:
        reading.told.append(told)
