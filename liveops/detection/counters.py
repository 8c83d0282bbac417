"""Counters sent as gauges: a series that only rises, but for falls to a new beginning.

Its level says nothing and its beginning anew is no news: what is judged is its increase.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liveops.detection.tails import Bools, Floats, Ints

#: So many rises without a fall make a counter; after a fall that is no new beginning a
#: thousand more are needed, so that a gauge that climbs in an outage is none.
_RISES, _AFTER_A_FALL = 30, -1000
#: A fall to less than this share is a new beginning, and takes so many rises back: pulses, which
#: fall as often as they rise, are no counters.
_BEGINNING, _TAKEN_BACK = 0.5, 10


@dataclass(slots=True)
class Counters:
    """One row a series."""

    last: Floats
    increase: Floats
    rises: Ints
    known: Bools

    @classmethod
    def empty(cls, rows: int) -> Counters:
        """Rows that have seen nothing."""
        return cls(
            np.zeros(rows), np.zeros(rows), np.zeros(rows, np.int64), np.zeros(rows, dtype=bool)
        )


@dataclass(frozen=True, slots=True)
class Increase:
    """What is judged of values: they themselves less `before`, over `steps` windows.

    `before` is 0 for all but counters. `turned` marks series that became or ceased to be
    counters with this value: what was known of them is of no use any more.
    """

    value: Floats
    before: Floats
    steps: Floats
    turned: Bools


def step(counters: Counters, rows: Ints, value: Floats, steps: Floats, first: Bools) -> Increase:
    """Take in a value each; `steps` windows passed since the last, `first` had none before."""
    last = np.where(first, value, counters.last[rows])
    anew = (value < last) & (value >= 0) & (value < _BEGINNING * last)
    fell = (value < last) & ~anew
    rises = np.maximum(counters.rises[rows] + (value > last) - _TAKEN_BACK * anew, _AFTER_A_FALL)
    rises = np.where(fell | (value < 0), _AFTER_A_FALL, rises)
    known = rises >= _RISES
    turned = known != counters.known[rows]
    steps = np.where(known, np.maximum(steps, 1.0), 1.0)
    before = np.where(known, last, 0.0)
    judged = (value - before) / steps
    # How far it came before it began anew is not known: as far as the window before.
    begun = known & anew
    judged[begun] = np.maximum(value, counters.increase[rows])[begun]
    before[begun] = 0.0
    counters.last[rows], counters.increase[rows] = value, judged
    counters.rises[rows], counters.known[rows] = rises, known
    return Increase(judged, before, steps, turned)
