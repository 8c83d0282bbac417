"""Metrics of a file in whatever form it has: the one way in for everything that reads files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from liveops.send.json_text import by_brackets, by_line, is_by_line
from liveops.send.rows import Reading, Row, of_json
from liveops.send.table import read_table
from liveops.send.text import TextFile
from liveops.send.times import FileTimes
from schema.metrics import Metric, MetricFault

Verdict = Metric | MetricFault

#: So much of a text shows its form.
_HEAD_CHARS = 1 << 18


def read_rows(file: TextFile, reading: Reading) -> Iterator[Row]:
    """Every item of a file in its order, good or bad; nothing is left out silently.

    Raises InvalidInput when the form of the file as a whole is unknown.
    """
    # Each reading of the file meets the doubtful hours of its time zone anew.
    reading = replace(reading, times=FileTimes(reading.times.unit, reading.times.zone))
    verdicts = _of_json(file, reading) if _is_json(file) else _of_table(file, reading)
    for number, (line, verdict, timed) in enumerate(verdicts, start=1):
        yield Row(number, line, verdict, timed)


def _head(file: TextFile) -> str:
    with file.open() as source:
        return source.read(_HEAD_CHARS).lstrip("\ufeff \t\n")


def _is_json(file: TextFile) -> bool:
    return _head(file)[:1] in ("{", "[")


def _of_json(file: TextFile, reading: Reading) -> Iterator[tuple[int, Verdict, bool]]:
    cut = by_line if is_by_line(_head(file)) else by_brackets
    with file.open() as source:
        for line, text in cut(source):
            yield from of_json(text.encode(errors="surrogateescape"), line, reading)


def _of_table(file: TextFile, reading: Reading) -> Iterator[tuple[int, Verdict, bool]]:
    with file.open() as source:
        for line, verdict in read_table(source, reading):
            yield line, verdict, True
