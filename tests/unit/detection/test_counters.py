"""Counters sent as gauges are judged by their increase, and gauges are none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from liveops.detection import ensemble
from liveops.detection.bank import Bank, empty_bank
from liveops.detection.ensemble import Verdicts

STEP_S = 300.0
ROW = np.array([0])
Floats = NDArray[np.float64]


def verdicts(values: Floats, bank: Bank | None = None, missing: int = 0) -> list[Verdicts]:
    bank = bank or empty_bank(1, STEP_S)
    at = [k + missing * (k > 500) for k in range(len(values))]
    return [
        ensemble.judge(bank, ROW, np.array([1.7e9 + STEP_S * k]), np.array([value]))
        for k, value in zip(at, values, strict=True)
    ]


def alarms(found: list[Verdicts]) -> list[int]:
    return [k for k, one in enumerate(found) if one.alarm[0]]


def counter(windows: int = 900) -> Floats:
    return np.cumsum(np.random.default_rng(4).poisson(20, windows)).astype(np.float64)


def test_a_counter_that_begins_anew_is_no_news() -> None:
    values = counter()
    values[600:] -= values[599]
    assert alarms(verdicts(values)) == []


@pytest.mark.parametrize("rate", [0, 60])
def test_a_counter_that_stops_or_runs_is(rate: int) -> None:
    values = counter()
    values[800:] = values[799] + rate * np.arange(1, 101)
    (found,) = alarms(verdicts(values))
    assert 800 <= found < 805


def test_what_is_expected_of_a_counter_is_its_next_value() -> None:
    values = counter()
    last = verdicts(values)[-1]
    assert values[-2] < last.lower[0] < last.expected[0] < last.upper[0]
    assert abs(last.expected[0] - values[-2] - 20) < 5


def test_windows_that_are_missing_make_no_counter_run() -> None:
    values = counter()
    values[501:] += 12 * 20
    assert alarms(verdicts(values, missing=12)) == []


def test_a_gauge_that_climbs_after_a_fall_is_no_counter() -> None:
    bank = empty_bank(1, STEP_S)
    noise = 100 + 5 * np.random.default_rng(2).standard_normal(300)
    verdicts(np.append(noise, noise[-1] + 3.0 * np.arange(1, 200)), bank)
    assert not bank.counters.known[0]


def test_a_counter_that_falls_is_none_and_begins_to_learn() -> None:
    bank = empty_bank(1, STEP_S)
    found = verdicts(np.append(counter(200), [3000.0, 2990.0]), bank)
    assert not bank.counters.known[0]
    assert found[-1].learning[0]


def test_pulses_are_no_counter() -> None:
    bank = empty_bank(1, STEP_S)
    verdicts(np.tile([0.0, 0.0, 20.0, 20.0, 0.0], 80), bank)
    assert not bank.counters.known[0]
