"""Times as files write them: Unix numbers of any unit, date-times with or without an offset."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from schema.metrics import Metric
from schema.times import TimeReader, unix_time_s


class Unit(StrEnum):
    """What a Unix time counts."""

    s = "s"
    ms = "ms"
    us = "us"
    ns = "ns"


_PER_SECOND = {Unit.s: 1.0, Unit.ms: 1e3, Unit.us: 1e6, Unit.ns: 1e9}
#: Years 1 to 9999.
_FIRST_S, _END_S = -62_135_596_800.0, 253_402_300_800.0


@dataclass(slots=True)
class FileTimes:
    """Reads the times of one file, in the order of its rows.

    `unit` is that of numbers, told from their size where None; `zone` is where date-times
    without an offset were written.
    """

    unit: Unit | None = None
    zone: tzinfo = UTC
    _reader: TimeReader = field(default_factory=TimeReader)
    #: By series: the last local time of an hour that comes twice, and whether it was its second.
    _doubtful: dict[object, tuple[datetime, int]] = field(default_factory=dict)

    def seconds(self, stamp: float | str, of: Metric | None = None) -> float:
        """Epoch seconds; raises ValueError.

        The series (`of`) tells the two passes through an hour apart that clocks run through
        twice: in the second one the local time of a series stands still or jumps back.
        """
        if isinstance(stamp, str):
            text = stamp.strip()
            number = None if text.endswith("Z") else _number(text)
            time_s = self._moment_s(text, of) if number is None else self._of(number)
        else:
            time_s = self._of(stamp)
        if not _FIRST_S <= time_s < _END_S:
            raise ValueError("no time between the years 1 and 9999")
        return time_s

    def _of(self, number: float) -> float:
        return unix_time_s(number) if self.unit is None else number / _PER_SECOND[self.unit]

    def _moment_s(self, text: str, of: Metric | None) -> float:
        try:
            if text.endswith("Z"):
                return self._reader.read(text)
        except (ValueError, OverflowError):
            pass  # written in a way that RFC 3339 does not know
        try:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else self._local(moment, of)).timestamp()
        except (ValueError, OverflowError):
            raise ValueError("not a time: Unix time, RFC 3339 or YYYY-MM-DD HH:MM:SS") from None

    def _local(self, moment: datetime, of: Metric | None) -> datetime:
        """A time that clocks skip is read as if they had not been put forward yet."""
        first = moment.replace(tzinfo=self.zone)
        second = first.replace(fold=1)
        if first.utcoffset() == second.utcoffset() or self._is_skipped(first):
            return first
        series = None if of is None else (of.service_name, of.series)
        before, fold = self._doubtful.get(series, (moment, -1))
        if fold < 0 or moment.date() != before.date():
            fold = 0
        elif moment <= before:
            fold = 1
        self._doubtful[series] = (moment, fold)
        return second if fold else first

    def _is_skipped(self, moment: datetime) -> bool:
        there = moment.astimezone(UTC).astimezone(self.zone)
        return there.replace(tzinfo=None) != moment.replace(tzinfo=None)


def _number(text: str) -> float | None:
    """A number as it stands in a file, None for anything else; Python's 1_000 is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return None if "_" in text or math.isnan(number) else number


def as_number(text: str) -> float:
    """Value of a cell, infinite when beyond a double; raises ValueError."""
    number = _number(text)
    if number is None:
        raise ValueError("not a number")
    return number
