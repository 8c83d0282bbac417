"""Excursions: one alarm each, rarer where many came of late, ended by calm or by acceptance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liveops.detection import habit
from liveops.detection.habit import Habits
from liveops.detection.tails import Bools, Floats, Ints

_DAY_S = 86_400.0
NEVER_S = -1e18
#: After an excursion more is expected, the less the longer it is over, as after an earthquake:
#: for so long the bar is higher, at a tenth of that time by `_AFTER` powers of ten.
QUIET_S = 10 * 3600.0
_AFTER = 2.0
#: What lasts so long is the new normal.
ACCEPT_S = 6 * 3600.0
#: An excursion ends after two windows under this share of the bar.
_CALM = 0.5
_CALM_WINDOWS = 2
#: The first windows of an excursion are remembered as distances.
_FIRST_WINDOWS = 3
#: Each alarm of the last days raises the bar by so much of it.
_PER_ALARM = 0.04
_ALARMS_D = 10.0
#: How equal two distances between excursions must be to make the next one expected.
_EQUAL = 0.02
_EQUAL_STEPS = 2.0


@dataclass(slots=True)
class Excursions:
    """One row a series; `starts` are its last two excursions, told or expected, `ended_s` is
    when the last was not yet over."""

    step_s: float
    firing: Bools
    since_s: Floats
    calm_s: Floats
    ended_s: Floats
    alarms: Floats
    starts: Floats
    habits: Habits

    @classmethod
    def empty(cls, rows: int, step_s: float) -> Excursions:
        """Rows that have seen nothing."""
        never = np.full(rows, NEVER_S)
        return cls(
            step_s,
            np.zeros(rows, dtype=bool),
            never.copy(),
            never.copy(),
            never.copy(),
            np.zeros(rows),
            np.full((rows, 2), NEVER_S),
            Habits.empty(rows),
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """What a window changed: `alarm` an excursion starts and is told, `expected` one starts
    that came at equal distance before, `over` it ended, `accepted` it is the new normal.

    `held`: one goes on, so levels stay; `begins`: it is in its first windows, whose distances
    belong to the series' past, however long it lasts.
    """

    bar: Floats
    alarm: Bools
    expected: Bools
    over: Bools
    accepted: Bools
    held: Bools
    begins: Bools


def step(
    state: Excursions,
    rows: Ints,
    time_s: Floats,
    passed_s: Floats,
    surprise: Floats,
    staying: Floats,
    sure: Floats,
    least: float,
) -> Turn:
    """Move the excursions of `rows`: `surprise` starts one, `staying` keeps it up.

    `sure` is the surprise of sheer size, which is told however short ago the last one was;
    `least` the bar of a series without recent alarms.
    """
    alarms = state.alarms[rows] * np.exp(-passed_s / (_DAY_S * _ALARMS_D))
    own = habit.bar(state.habits, rows, time_s, passed_s, surprise, least, state.step_s)
    bar = np.maximum(least, own) * (1.0 + _PER_ALARM * alarms)
    firing = state.firing[rows]
    over_s = np.maximum(time_s - state.ended_s[rows], state.step_s)
    raised = bar + _AFTER * np.maximum(np.log10(QUIET_S / over_s), 0.0)
    starts = ~firing & ((surprise >= raised) | (sure >= bar))
    expected = starts & _recurs(state, rows, time_s)
    calm = firing & (staying < _CALM * bar)
    first_s = np.where(state.calm_s[rows] > NEVER_S, state.calm_s[rows], time_s)
    calm_s = np.where(calm, first_s, NEVER_S)
    over = calm & (time_s - calm_s >= (_CALM_WINDOWS - 1) * state.step_s)
    accepted = firing & ~over & (time_s - state.since_s[rows] >= ACCEPT_S)
    state.alarms[rows] = alarms + (starts & ~expected)
    state.calm_s[rows] = calm_s
    state.firing[rows] = (firing & ~over & ~accepted) | starts
    begun = rows[starts]
    state.since_s[begun] = time_s[starts]
    state.starts[begun] = np.column_stack((state.starts[begun, 1], time_s[starts]))
    # A level that stays is no news after a while: from then on others are looked out for.
    is_news = starts | (firing & (surprise >= _CALM * bar))
    state.ended_s[rows] = np.where(is_news, time_s, state.ended_s[rows])
    told_bar = np.where(firing, bar, raised)
    held = state.firing[rows]
    begins = held & (time_s - state.since_s[rows] < _FIRST_WINDOWS * state.step_s)
    return Turn(told_bar, starts & ~expected, expected, over, accepted, held, begins)


def _recurs(state: Excursions, rows: Ints, time_s: Floats) -> Bools:
    before, last = state.starts[rows].T
    now, then = time_s - last, last - before
    slack = np.maximum(_EQUAL * then, _EQUAL_STEPS * state.step_s)
    return np.asarray((before > NEVER_S) & (np.abs(now - then) <= slack), dtype=np.bool_)
