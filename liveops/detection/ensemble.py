"""The ensemble: level, hour and shape joined into one surprise, one verdict a series.

A window speaks in two ways. *Sudden*: level and shape both find it rare; the less surprised
of the two counts, and the other as witness for as much again, at most for one in sixty.
*Lasting*: the mean of the last hour is off its level by itself. The larger is the surprise
of the window, and the bar is one false alarm in so many days of the series.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from liveops.detection import arrays, counters, excursion, forecast, levels, novelty, tails
from liveops.detection.bank import Bank, empty_bank
from liveops.detection.levels import Look, Temper
from liveops.detection.tails import Bools, Floats, Ints

Detector = Literal["ensemble", "zscore", "forecast", "lasting", "shape"]
DETECTORS: tuple[Detector, ...] = ("ensemble", "zscore", "forecast", "lasting", "shape")
ONE_ALARM_IN_DAYS = 21.0
_DAY_S = 86_400.0
#: Larger values are taken for this, so that single precision holds their distances.
_LARGEST = 1e30
#: Windows before anything is said, and the longest time that counts as passed between two.
LEARNING_WINDOWS = 10
_MOST_STEPS = 3.0
#: Most that agreement of level and shape adds: a chance of one in sixty.
_WITNESS = 1.8
#: A series of n windows proves at most one in n to this power.
_PROOF = 2.0
#: How much less the size of a lone window counts, which nothing else witnesses.
_LONE_DOUBT = 1.0
#: A run that surprises less than this (one in ten) is familiar: its size alone is no news.
_FAMILIAR = 1.0
SUDDEN = Temper(pull=10.0, floor=0.02, tail=None)
LASTING = Temper(pull=2.5, floor=0.1, tail=0.0)
#: Hours that share windows are fewer observations than windows: their tail is less sure.
LASTING_OF_MANY = replace(LASTING, tail=0.2)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One window each of some series; surprise and bar are −log10 of a chance."""

    surprise: Floats
    bar: Floats
    learning: Bools
    alarm: Bools
    expected_again: Bools
    over: Bools
    accepted: Bools
    #: Whether the mean of the hour speaks rather than the sudden window.
    is_lasting: Bools
    expected: Floats
    lower: Floats
    upper: Floats


def judge(
    bank: Bank,
    rows: Ints,
    time_s: Floats,
    value: Floats,
    detector: Detector = "ensemble",
    one_alarm_in_days: float = ONE_ALARM_IN_DAYS,
) -> Verdicts:
    """Judge and learn a closed window each of `rows`, in no row twice; times rise by row."""
    value = np.clip(value, -_LARGEST, _LARGEST)
    passed_s = np.clip(time_s - bank.newest_s[rows], 0.0, _MOST_STEPS * bank.step_s)
    first = bank.count[rows] == 0
    passed_s = np.where(first, bank.step_s, passed_s)
    steps = (time_s - bank.newest_s[rows]) / bank.step_s
    increase = counters.step(bank.counters, rows, value, steps, first)
    if increase.turned.any():
        _forget(bank, rows[increase.turned])
    value = increase.value
    bank.whole[rows] &= value == np.floor(value)
    whole = bank.whole[rows]
    sudden = levels.look(bank.sudden, rows, time_s, value, whole, SUDDEN)
    told = _told(bank, rows, time_s, sudden, whole, detector)
    mean = _mean_of_hour(bank, rows, sudden)
    lasting = levels.look(bank.lasting, rows, time_s, mean, whole, _lasting(bank))
    # Without the ensemble's wish for shapes the dearest detector rests.
    wanted = detector in ("ensemble", "shape")
    shape = novelty.judge(bank.shapes, rows, value, passed_s) if wanted else np.zeros(len(rows))
    if wanted:
        told = _without_familiar(bank, rows, told, shape)
    joined, staying, is_lasting = _joined(bank, rows, told, lasting, shape, detector)
    learning = bank.count[rows] < LEARNING_WINDOWS
    joined[learning] = staying[learning] = 0.0
    least = bar_of(one_alarm_in_days, bank.step_s)
    sure = np.where(learning, 0.0, told.extreme - _LONE_DOUBT)
    turn = excursion.step(bank.excursions, rows, time_s, passed_s, joined, staying, sure, least)
    if detector == "forecast":
        free = ~turn.held | turn.begins
        middle_s = time_s[free] + 0.5 * bank.step_s
        forecast.learn(
            bank.forecasts, rows[free], middle_s, passed_s[free], value[free], SUDDEN.pull
        )
    _learn(bank, rows, time_s, passed_s, sudden, lasting, turn)
    half = tails.reach(turn.bar, told.edge, told.excess, told.shape)
    return Verdicts(
        joined,
        turn.bar,
        learning,
        turn.alarm,
        turn.expected,
        turn.over,
        turn.accepted,
        is_lasting,
        increase.before + increase.steps * told.expected,
        increase.before + increase.steps * (told.expected - half),
        increase.before + increase.steps * (told.expected + half),
    )


def look(
    bank: Bank, rows: Ints, time_s: Floats, value: Floats, whole: Bools, detector: Detector
) -> Look:
    """How a sudden value looks to the level, or to the forecast; nothing is learned."""
    sudden = levels.look(bank.sudden, rows, time_s, value, whole, SUDDEN)
    return _told(bank, rows, time_s, sudden, whole, detector)


def _told(
    bank: Bank, rows: Ints, time_s: Floats, sudden: Look, whole: Bools, detector: Detector
) -> Look:
    if detector != "forecast":
        return sudden
    middle_s = time_s + 0.5 * bank.step_s
    return forecast.look(bank.forecasts, rows, middle_s, sudden, whole, SUDDEN)


def _lasting(bank: Bank) -> Temper:
    return LASTING if bank.hour.shape[1] == 1 else LASTING_OF_MANY


def _without_familiar(bank: Bank, rows: Ints, told: Look, shape: Floats) -> Look:
    """What has come like this before is not told for its sheer size, once shapes are known."""
    familiar = (bank.count[rows] >= novelty.JUDGED_FROM) & (shape < _FAMILIAR)
    return replace(told, extreme=np.where(familiar, 0.0, told.extreme))


def bar_of(one_alarm_in_days: float, step_s: float) -> float:
    """The bar of a series without recent alarms."""
    return float(np.log10(one_alarm_in_days * _DAY_S / step_s))


def days_of(bar: float, step_s: float) -> float:
    """Inverse of `bar_of`, at most 1e100 days."""
    return float(10.0 ** min(bar, 100.0) * step_s / _DAY_S)


def score(verdicts: Verdicts) -> Floats:
    """In [0, 1], above a half only where an alarm starts, growing with surprise."""
    share = verdicts.surprise / verdicts.bar
    return np.where(verdicts.alarm, 1.0 - 0.5 * np.exp(-share), 0.5 * np.minimum(share, 1.0))


def _forget(bank: Bank, rows: Ints) -> None:
    """What is judged of these series is another thing from now on."""
    fresh = empty_bank(1, bank.step_s)
    for name in ("count", "whole", "hour", "before", "sudden", "lasting", "shapes"):
        arrays.renew(getattr(bank, name), getattr(fresh, name), rows)


def _joined(
    bank: Bank, rows: Ints, sudden: Look, lasting: Look, shape: Floats, detector: Detector
) -> tuple[Floats, Floats, Bools]:
    """Surprise that starts an excursion, what keeps it up, and whether the hour's mean speaks.

    A new level is soon a familiar shape: to go on, being off the level is enough.
    """
    side = np.where(sudden.value >= sudden.expected, 1.0, -1.0)
    pair = 0.5 * (sudden.surprise + np.maximum(bank.before[rows] * side, 0.0))
    bank.before[rows] = side * sudden.surprise
    if detector == "shape":
        return shape.copy(), shape.copy(), np.zeros(len(rows), dtype=bool)
    if detector in ("zscore", "forecast"):
        return sudden.size.copy(), sudden.size.copy(), np.zeros(len(rows), dtype=bool)
    weaker = np.minimum(pair, shape)
    # Two witnesses of one short past prove no more than that past can.
    proof = _PROOF * np.log10(bank.count[rows] + 1.0)
    agreed = np.minimum(weaker + np.minimum(weaker, _WITNESS), proof)
    agreed = np.maximum(agreed, sudden.extreme - _LONE_DOUBT)
    if detector == "lasting":
        agreed = np.zeros(len(rows))
    joined = np.maximum(agreed, lasting.surprise)
    return joined, np.maximum(joined, pair), lasting.surprise > agreed


def _mean_of_hour(bank: Bank, rows: Ints, sudden: Look) -> Floats:
    """Of the last hour's values, pulled in as they are learned; at first their median."""
    size, count = bank.hour.shape[1], bank.count[rows]
    bank.hour[rows, count % size] = sudden.value
    known = np.arange(size) <= count[:, None]
    most = np.where(sudden.edge > 0, SUDDEN.pull * sudden.edge, np.inf)
    least = sudden.expected - most
    near = np.clip(bank.hour[rows], least[:, None], (sudden.expected + most)[:, None])
    mean = np.where(known, near, 0.0).sum(axis=1) / known.sum(axis=1)
    for place in np.flatnonzero(count < levels.FIRST):
        mean[place] = np.median(bank.hour[rows[place]][known[place]])
    return np.asarray(mean, dtype=np.float64)


def _learn(
    bank: Bank,
    rows: Ints,
    time_s: Floats,
    passed_s: Floats,
    sudden: Look,
    lasting: Look,
    turn: excursion.Turn,
) -> None:
    for bank_levels, seen, temper in (
        (bank.sudden, sudden, SUDDEN),
        (bank.lasting, lasting, _lasting(bank)),
    ):
        if turn.accepted.any():
            levels.accept(bank_levels, rows[turn.accepted], seen.value[turn.accepted])
        levels.learn(bank_levels, rows, time_s, passed_s, seen, turn.held, turn.begins, temper)
    bank.newest_s[rows] = np.maximum(bank.newest_s[rows], time_s)
    bank.count[rows] += 1
