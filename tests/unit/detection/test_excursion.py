"""From surprise to alarms, and the season that levels yield to."""

from __future__ import annotations

import numpy as np
import pytest

from liveops.detection import excursion, habit, season
from liveops.detection.excursion import Excursions, Turn
from liveops.detection.habit import Habits
from liveops.detection.season import Seasons

STEP_S = 300.0
HOUR = 12
BAR = 4.0
ROW = np.array([0])


def turns(surprises: list[float]) -> list[Turn]:
    state = Excursions.empty(1, STEP_S)
    passed = np.array([STEP_S])
    return [
        excursion.step(
            state,
            ROW,
            np.array([STEP_S * k]),
            passed,
            np.array([found]),
            np.array([found]),
            np.zeros(1),
            BAR,
        )
        for k, found in enumerate(surprises)
    ]


def at(found: list[Turn], name: str) -> list[int]:
    return [k for k, turn in enumerate(found) if getattr(turn, name)[0]]


def bursts(*starts: int, length: int = 3, windows: int = 3000) -> list[float]:
    line = [0.0] * windows
    for start in starts:
        line[start : start + length] = [6.0] * length
    return line


def test_an_excursion_is_one_alarm_and_ends_after_two_calm_windows() -> None:
    found = turns(bursts(100, length=30, windows=200))
    assert at(found, "alarm") == [100]
    assert at(found, "over") == [131]
    assert at(found, "held") == list(range(100, 131))


def test_what_goes_on_is_accepted_after_six_hours() -> None:
    found = turns(bursts(100, length=7 * HOUR, windows=300))
    assert at(found, "accepted") == [100 + 6 * HOUR]
    assert at(found, "alarm") == [100]


@pytest.mark.parametrize(
    ("hours", "surprise", "told"),
    [(0.5, 6.0, False), (0.5, 7.5, True), (2, 5.0, False), (2, 6.0, True), (9, 4.6, True)],
)
def test_after_an_excursion_the_more_surprise_is_asked_the_sooner_it_is(
    hours: float, surprise: float, told: bool
) -> None:
    again = 104 + int(hours * HOUR)
    line = bursts(100, windows=400)
    line[again : again + 3] = [surprise] * 3
    assert (at(turns(line), "alarm") == [100, again]) == told


@pytest.mark.parametrize("habit", [False, True])
def test_what_comes_near_the_bar_every_few_hours_raises_it(habit: bool) -> None:
    line = [0.0] * 6000
    for start in range(100, 5500, 77) if habit else ():
        line[start] = 3.5
    line[5600] = 4.5
    line[5900] = 12.0
    assert at(turns(line), "alarm") == ([5900] if habit else [5600, 5900])


def test_the_fewer_peaks_are_known_the_higher_the_bar_they_ask_for() -> None:
    habits = Habits.empty(2)
    habits.count[:], habits.days[:] = [15.0, 1500.0], [1.0, 100.0]
    habits.excess[:] = habits.count / np.log(10)
    rows, none = np.arange(2), np.zeros(2)
    few, many = habit.bar(habits, rows, none, none, none, BAR, STEP_S)
    assert few > many + 0.2


def test_alarms_of_late_raise_the_bar_for_days() -> None:
    found = turns(bursts(100, 300))
    assert found[99].bar[0] == BAR
    assert BAR < found[299].bar[0] < found[301].bar[0]
    assert found[-1].bar[0] < found[301].bar[0]


def test_the_third_at_equal_distance_is_expected_and_not_told() -> None:
    found = turns(bursts(100, 400, 700, 1000, 1450))
    assert at(found, "alarm") == [100, 400, 1450]
    assert at(found, "expected") == [700, 1000]


def test_a_daily_season_is_proved_and_its_absence_is_not() -> None:
    day = 288
    time_s = STEP_S * np.arange(5 * day)
    random = np.random.default_rng(3)
    daily = 100 * np.sin(2 * np.pi * time_s / 86_400)
    for value, proved in ((daily, True), (0 * daily, False)):
        seasons = Seasons.empty(1, STEP_S, 288)
        noisy = value + random.standard_normal(len(value))
        most = np.array([np.inf])
        for now_s, one in zip(time_s, noisy, strict=True):
            row = np.array([one])
            season.learn(seasons, ROW, np.array([now_s]), row, row, most, np.abs(row))
        expected, known = season.expected(seasons, ROW, np.array([5 * 86_400.0 + 21_600]))
        assert known[0] == proved
        if proved:
            assert abs(expected[0] - 100) < 10
