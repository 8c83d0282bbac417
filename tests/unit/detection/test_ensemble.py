"""What the ensemble says of series an operator knows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from liveops.detection import ensemble
from liveops.detection.bank import empty_bank

STEP_S = 300.0
START_S = 1_700_006_400.0
Floats = NDArray[np.float64]


def alarms(lines: Floats, step_s: float = STEP_S) -> list[list[int]]:
    """Windows at which each of the lines (one a series) alarms."""
    rows = np.arange(len(lines))
    bank = empty_bank(len(lines), step_s)
    found: list[list[int]] = [[] for _ in lines]
    for window, values in enumerate(lines.T):
        at = np.full(len(lines), START_S + step_s * window)
        for row in np.flatnonzero(ensemble.judge(bank, rows, at, values).alarm):
            found[row].append(window)
    return found


def noise(rows: int, windows: int, seed: int = 7) -> Floats:
    return 100 + 5 * np.random.default_rng(seed).standard_normal((rows, windows))


@pytest.mark.parametrize(("deviations", "within"), [(5, 3), (3, 10)])
def test_a_lasting_step_is_found_soon(deviations: int, within: int) -> None:
    lines = noise(40, 800)
    lines[:, 780:] += 5 * deviations
    soon = sum(any(780 <= w < 780 + within for w in line) for line in alarms(lines))
    assert soon >= 38


def test_a_lasting_step_is_one_alarm_and_then_normal() -> None:
    lines = noise(4, 900)
    lines[:, 500:] += 60
    for found in alarms(lines):
        assert len([w for w in found if w >= 500]) == 1


def test_a_wild_first_value_blinds_nobody() -> None:
    lines = noise(10, 600)
    lines[:, 0] = 4_294_967_295.0
    lines[:, 560:] += 60
    for found in alarms(lines):
        assert [w for w in found if w >= 560]
        assert not [w for w in found if w < 100]


def test_rest_is_quiet_and_so_is_a_first_grain_after_it() -> None:
    lines = np.zeros((2, 700))
    lines[1, 600] = 1e-6
    assert alarms(lines) == [[], []]


def test_a_job_each_quarter_of_an_hour_is_no_news() -> None:
    lines = noise(3, 2000)
    lines[:, ::3] += 100
    assert alarms(lines) == [[], [], []]


def test_a_season_of_days_is_no_news_and_its_absence_is() -> None:
    day = 288
    phase = 2 * np.pi * np.arange(12 * day) / day
    lines = 200 + 100 * np.sin(phase) + 4 * np.random.default_rng(5).standard_normal((3, 12 * day))
    begin = 11 * day + 72
    lines[:, begin:] = 100 + 4 * np.random.default_rng(6).standard_normal((3, 12 * day - begin))
    for found in alarms(lines):
        assert [w for w in found if w < begin and w > 2 * day] == []
        assert [w for w in found if w >= begin]


def test_surprise_is_rare_as_it_says() -> None:
    lines = noise(60, 1500)
    rows = np.arange(60)
    bank = empty_bank(60, STEP_S)
    over = 0
    for window, values in enumerate(lines.T):
        at = np.full(60, START_S + STEP_S * window)
        verdicts = ensemble.judge(bank, rows, at, values, "zscore")
        over += int((verdicts.surprise >= 2).sum()) if window >= 300 else 0
    assert 0.7 < over / (60 * 1200 * 1e-2) < 1.4


def test_the_score_is_over_a_half_only_where_an_alarm_starts() -> None:
    lines = noise(1, 600)
    lines[:, 400:450] += 80
    bank = empty_bank(1, STEP_S)
    seen = 0
    for window, value in enumerate(lines[0]):
        at = np.array([START_S + STEP_S * window])
        verdicts = ensemble.judge(bank, np.array([0]), at, np.array([value]))
        assert (ensemble.score(verdicts)[0] > 0.5) == verdicts.alarm[0]
        seen += int(verdicts.alarm[0])
    assert seen


@pytest.mark.parametrize(("deviations", "told"), [(8, False), (40, True)])
def test_two_hours_after_a_fault_a_much_graver_one_is_told(deviations: int, told: bool) -> None:
    lines = noise(10, 1000)
    lines[:, 900:904] += 5 * 8
    lines[:, 928:932] += 5 * deviations
    for found in alarms(lines):
        assert [w for w in found if 900 <= w < 904]
        assert bool([w for w in found if 904 <= w]) == told


@pytest.mark.parametrize(("growth", "told"), [(1.0, False), (1.3, True)])
def test_a_pulse_as_many_before_is_not_told_for_its_size_and_a_larger_one_is(
    growth: float, told: bool
) -> None:
    lines = noise(4, 700)
    random = np.random.default_rng(5)
    for line in lines:
        at = 120 + np.cumsum(random.integers(20, 70, size=9))
        line[at] += 5000 * growth ** np.arange(9)
    for found in alarms(lines):
        assert (len(found) > 4) == told
