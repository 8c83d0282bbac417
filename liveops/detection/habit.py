"""Habit: a series that often comes near its bar has another: what its own peaks pass so rarely.

The highest surprise of each time above half the bar is a peak (peaks over a threshold, as in
hydrology: windows of one burst are one event). From their rate and mean excess follows the
surprise that peaks pass once in the days the bar is meant for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liveops.detection.tails import Bools, Floats, Ints

_DAY_S = 86_400.0
_LN10 = float(np.log(10.0))
#: Peaks are those over this share of the bar, and are believed up to so many bars.
_SHARE, _BELIEVED = 0.5, 1.25
#: A peak is over after so long under its threshold.
_APART_S = 3600.0
#: What is so old weighs a third; fewer peaks are no habit.
_MEMORY_D = 20.0
_ENOUGH = 12.0
#: Weight, in peaks, of the belief that a surprise means what it says.
_PRIOR = 15.0


@dataclass(slots=True)
class Habits:
    """One row a series: peaks, their excess, days looked at; a peak that is not over."""

    count: Floats
    excess: Floats
    days: Floats
    peak: Floats
    last_s: Floats

    @classmethod
    def empty(cls, rows: int) -> Habits:
        """Rows that have seen nothing."""
        return cls(*(np.zeros(rows) for _ in range(5)))


def bar(
    habits: Habits,
    rows: Ints,
    time_s: Floats,
    passed_s: Floats,
    surprise: Floats,
    least: float,
    step_s: float,
) -> Floats:
    """The bar that the peaks before ask for, 0 without a habit; takes the surprise in."""
    kept = np.exp(-passed_s / (_DAY_S * _MEMORY_D))
    count, excess = habits.count[rows] * kept, habits.excess[rows] * kept
    days = habits.days[rows] * kept + passed_s / _DAY_S
    over = _SHARE * least
    mean = (excess + _PRIOR / _LN10) / (count + _PRIOR)
    # The bar means one in so many windows, and these are so many days.
    in_days = 10.0**least * step_s / _DAY_S
    often = np.maximum(count * in_days / np.maximum(days, 1.0), 1.0)
    # Of a mean that few peaks give the next peaks are Pareto's, not exponential.
    known = count + _PRIOR
    asked = over + mean * known * np.expm1(np.log(often) / known)
    peak, ended = _peaks(habits, rows, time_s, surprise, over, _BELIEVED * least)
    habits.count[rows] = count + ended
    habits.excess[rows] = excess + np.where(ended, peak - over, 0.0)
    habits.days[rows] = days
    return np.where(count >= _ENOUGH, asked, 0.0)


def _peaks(
    habits: Habits, rows: Ints, time_s: Floats, surprise: Floats, over: float, most: float
) -> tuple[Floats, Bools]:
    """Move the peaks that are not over; each one's height, and which are over now."""
    high = surprise >= over
    last_s = np.where(high, time_s, habits.last_s[rows])
    before = habits.peak[rows]
    peak = np.where(high, np.maximum(before, np.minimum(surprise, most)), before)
    ended = (peak > 0) & (time_s - last_s >= _APART_S)
    habits.last_s[rows] = last_s
    habits.peak[rows] = np.where(ended, 0.0, peak)
    return peak, ended
