"""Series of a partition by number, in the order they were first read. Pure.

Decoded chunks name series by these numbers: what a reader keeps of a series (its place in the
windows, its packed names) is a column beside the table.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from schema.kinds import GAUGE, KINDS, Kind
from schema.series import SeriesId

Ints = npt.NDArray[np.int64]
#: A series as it is written: service, metric type, tags. Several may mean the same series.
Written = tuple[str, str, bytes]
#: In the place of a number: not seen before, or not for the fast path.
UNKNOWN = -1
#: Names kept before the table begins anew.
MAX_NAMES = 200_000


class GrowingInts:
    """A column of numbers that grows at its end; `values` is valid until it grows."""

    __slots__ = ("_room", "size")

    def __init__(self) -> None:
        self._room = np.empty(64, np.int64)
        self.size = 0

    @property
    def values(self) -> Ints:
        """All numbers so far; writing to them changes the column."""
        return self._room[: self.size]

    def append(self, number: int) -> None:
        """One more."""
        if self.size == len(self._room):
            self._room = np.concatenate([self._room, np.empty_like(self._room)])
        self._room[self.size] = number
        self.size += 1


class SeriesTable:
    """Numbers for series and services; `home_of` tells the partition of a service.

    `epoch` rises when the table has begun anew: numbers and columns from before are void.
    """

    def __init__(self, home_of: Callable[[str], int]) -> None:
        self._home_of = home_of
        self.epoch = 0
        self._clear()

    def _clear(self) -> None:
        #: Numbers by kind and how a series is written; `written` are those of gauges.
        self.by_kind: dict[Kind, dict[Written, int]] = {kind: {} for kind in KINDS}
        self.written = self.by_kind[GAUGE]
        self.ids: list[SeriesId] = []
        self._numbers: dict[SeriesId, int] = {}
        self.services: list[str] = []
        self._service_numbers: dict[str, int] = {}
        #: By series: the number of its service, and the partition where that belongs.
        self.service_of = GrowingInts()
        self.home_of = GrowingInts()

    def refresh(self) -> None:
        """Begin anew when there are too many names; only between chunks."""
        names = sum(map(len, self.by_kind.values()))
        if names > MAX_NAMES or len(self.ids) > MAX_NAMES:
            self._clear()
            self.epoch += 1

    def number_of(self, series: SeriesId) -> int:
        """The series' number, given on first sight; of another kind it has another."""
        number = self._numbers.get(series)
        if number is None:
            number = self._numbers[series] = len(self.ids)
            self.ids.append(series)
            self.service_of.append(self._service_number(series.service_name))
            self.home_of.append(self._home_of(series.service_name))
        return number

    def find(self, series: SeriesId) -> int | None:
        """The series' number if it was read since the table began."""
        return self._numbers.get(series)

    def _service_number(self, name: str) -> int:
        number = self._service_numbers.get(name)
        if number is None:
            number = self._service_numbers[name] = len(self.services)
            self.services.append(name)
        return number
