"""All that the detectors remember of series with windows of one size, one row a series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liveops.detection import arrays, excursion
from liveops.detection.counters import Counters
from liveops.detection.excursion import Excursions
from liveops.detection.forecast import Forecasts
from liveops.detection.levels import Levels
from liveops.detection.novelty import Shapes
from liveops.detection.tails import Bools, Floats, Ints

_HOUR_S = 3600.0
#: Places of a season's profile, and of that of the mean of the hour, which moves slowly.
_PLACES, _PLACES_OF_HOUR = 288, 96


@dataclass(slots=True)
class Bank:
    """Arrays with one row a series."""

    step_s: float
    newest_s: Floats
    count: Ints
    whole: Bools
    #: The values of the last hour, the newest at `count` − 1 round the ring.
    hour: Floats
    #: Level surprise of the last window, negative below the level.
    before: Floats
    sudden: Levels
    lasting: Levels
    shapes: Shapes
    excursions: Excursions
    counters: Counters
    forecasts: Forecasts
    usual: Usual


@dataclass(slots=True)
class Usual:
    """How closed windows of a series usually are made, 0 where none was seen."""

    #: Standard deviation and number of samples within a window.
    spread: Floats
    samples: Floats
    #: Time between two.
    gap_s: Floats

    @classmethod
    def empty(cls, rows: int) -> Usual:
        """Rows that have seen nothing."""
        return cls(*(np.zeros(rows) for _ in range(3)))


def empty_bank(rows: int, step_s: float) -> Bank:
    """Rows that have seen nothing."""
    hour = max(1, round(_HOUR_S / step_s))
    return Bank(
        step_s,
        np.full(rows, excursion.NEVER_S),
        np.zeros(rows, np.int64),
        np.ones(rows, dtype=bool),
        np.zeros((rows, hour)),
        np.zeros(rows),
        Levels.empty(rows, step_s, _PLACES),
        Levels.empty(rows, step_s, _PLACES_OF_HOUR),
        Shapes.empty(rows),
        Excursions.empty(rows, step_s),
        Counters.empty(rows),
        Forecasts.empty(rows, step_s),
        Usual.empty(rows),
    )


def grow_bank(bank: Bank, rows: int) -> None:
    """Make room for so many rows at least, twice as many as before; contents stay."""
    have = len(bank.count)
    if rows > have:
        arrays.move(bank, empty_bank(max(rows, 2 * have), bank.step_s), have)


def clear_row(bank: Bank, row: int) -> None:
    """Make a row one that has seen nothing."""
    arrays.renew(bank, empty_bank(1, bank.step_s), row)
