"""What is kept of the counters of a service beside the samples of its minutes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from liveops.windows.buckets import Floats, Ints
from schema.kinds import KINDS

#: Codes of kinds in columns.
GAUGE, COUNTER, DELTA, HISTOGRAM = map(KINDS.index, ("gauge", "counter", "delta", "histogram"))
#: The time of a sample that there is none of, in microseconds since the epoch.
NEVER_US = -(1 << 62)
#: What came so long before, in microseconds, is not looked back to: the counter begins anew.
GAP_US = 3_600_000_000
#: Series in one value of last samples.
LASTS_PER_VALUE = 1024


class Lasts:
    """The last sample by number of the series; times in microseconds since the epoch."""

    __slots__ = ("us", "values")

    def __init__(self) -> None:
        self.us: Ints = np.empty(0, np.int64)
        self.values: Floats = np.empty(0)

    def of(self, numbers: Ints) -> tuple[Ints, Floats]:
        """Time and value of some series; NEVER_US where none is known."""
        self._reserve(int(numbers.max(initial=-1)) + 1)
        return self.us[numbers], self.values[numbers]

    def note(self, numbers: Ints, us: Ints, values: Floats) -> Ints:
        """Take in samples of different series; the series of which they are the last now."""
        known_us, known = self.of(numbers)
        newer = (us > known_us) | ((us == known_us) & (values > known))
        self.us[numbers[newer]], self.values[numbers[newer]] = us[newer], values[newer]
        return np.asarray(numbers[newer])

    def _reserve(self, size: int) -> None:
        missing = size - len(self.us)
        if missing > 0:
            missing = max(missing, len(self.us))
            self.us = np.concatenate([self.us, np.full(missing, NEVER_US)])
            self.values = np.concatenate([self.values, np.zeros(missing)])


@dataclass(slots=True)
class Counters:
    """Of the counters of a service."""

    #: Last samples of the minutes that were dropped.
    dropped: Lasts = field(default_factory=Lasts)
    #: Last samples before a moment (epoch seconds), of closed minutes; None: not known.
    before: Lasts | None = None
    before_s: int = 0
    #: What each series grew by in closed minutes, by start, as far as it was asked for.
    grown: dict[int, Floats] = field(default_factory=dict)
    #: Values of `dropped` to store, by the number of the first series in it.
    unstored: set[int] = field(default_factory=set)
    #: The same as they are stored.
    stored: dict[int, Any] = field(default_factory=dict)

    def drop(self, numbers: Ints, us: Ints, values: Floats) -> Ints:
        """Note last samples of a minute that is dropped; the series of which they are."""
        newer = self.dropped.note(numbers, us, values)
        self.unstored.update((newer // LASTS_PER_VALUE * LASTS_PER_VALUE).tolist())
        return newer
