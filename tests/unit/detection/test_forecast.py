"""Forecasts: kept, read between their points, calibrated by their errors, made when due."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from liveops.detection import arrays, ensemble, forecast, stored
from liveops.detection.bank import Bank, empty_bank
from liveops.detection.fitting import Fitting, due
from liveops.detection.forecast import HORIZON, REFIT_S, Fit, Forecasts, History
from liveops.detection.rule_bank import RuleBank, Seen
from liveops.detection.stored import StoredEnsemble
from tests.aggregates import rule, window

STEP_S, START_S = 300.0, 1_700_006_400.0
ROW = np.zeros(1, np.int64)


def foreseen(*points: float, errors: list[float] | None = None) -> Forecasts:
    found = Forecasts.empty(1, STEP_S)
    fit = Fit(START_S, np.array(points), np.array(errors or [1.0] * 20))
    forecast.accept(found, 0, START_S, fit)
    return found


@pytest.mark.parametrize(
    ("after_s", "value"), [(450.0, 10.0), (900.0, 15.0), (1350.0, 20.0), (0.0, 10.0)]
)
def test_between_two_points_lies_a_line(after_s: float, value: float) -> None:
    found = forecast.expected(foreseen(10.0, 20.0), ROW, np.array([START_S + after_s]))
    assert found[0] == pytest.approx(value)


@pytest.mark.parametrize("after_s", [-1000.0, 1900.0, 3e6])
def test_before_and_past_its_points_nothing_is_foreseen(after_s: float) -> None:
    assert np.isnan(forecast.expected(foreseen(10.0, 20.0), ROW, np.array([START_S + after_s])))


def test_a_large_level_keeps_its_small_differences() -> None:
    found = foreseen(1e12, 1e12 + 3.0)
    assert forecast.expected(found, ROW, np.array([START_S + 1350.0]))[0] == 1e12 + 3.0


def bank_with(forecasts: Forecasts, windows: int = 100) -> Bank:
    bank = empty_bank(1, STEP_S)
    random = np.random.default_rng(1)
    for number in range(-windows, 0):
        value = 100 + 10 * random.standard_normal(1)
        ensemble.judge(bank, ROW, np.array([START_S + STEP_S * number]), value, "forecast")
    bank.forecasts = forecasts
    return bank


def surprise(bank: Bank, value: float, after_s: float = 0.0) -> tuple[float, float]:
    at = np.array([START_S + after_s])
    found = ensemble.judge(bank, ROW, at, np.array([value]), "forecast")
    return float(found.surprise[0]), float(found.expected[0])


def test_a_value_counts_against_the_forecast_and_its_errors_not_the_level() -> None:
    sure = [abs(e) for e in np.random.default_rng(2).standard_normal(400)]
    usual, told = surprise(bank_with(foreseen(200.0, 200.0, errors=sure)), 201.0)
    assert told == 200.0
    rare, _ = surprise(bank_with(foreseen(200.0, 200.0, errors=sure)), 120.0)
    assert usual < 1.0 < 4.0 < rare
    vague = [40 * error for error in sure]
    assert surprise(bank_with(foreseen(200.0, 200.0, errors=vague)), 120.0)[0] < 2.0


def test_without_a_forecast_the_level_speaks() -> None:
    level = surprise(bank_with(Forecasts.empty(1, STEP_S)), 150.0)
    assert surprise(bank_with(foreseen(200.0, 200.0)), 150.0, 90_000.0) == pytest.approx(level)


def test_the_errors_of_each_window_are_learned_but_in_an_excursion() -> None:
    bank = bank_with(foreseen(*[100.0] * 100, errors=[1.0] * 100))
    for number in range(20):
        surprise(bank, 101.0, STEP_S * number)
    assert bank.forecasts.past.count[0] == 120
    for number in range(20, 50):
        surprise(bank, 900.0, STEP_S * number)
    assert bank.forecasts.past.count[0] < 126


def test_the_oldest_fit_of_a_proved_season_is_due_first() -> None:
    found = Forecasts.empty(4, STEP_S)
    for row, tried_s in enumerate((START_S, START_S - 2 * REFIT_S, START_S - REFIT_S)):
        forecast.accept(found, row, tried_s, None)
    season_s = np.array([86_400.0, 86_400.0, 3600.0, 900.0])
    rows, newest_s = np.arange(4), np.full(4, START_S)
    assert forecast.due(found, rows, newest_s, season_s).tolist() == [1, 2]


def test_what_was_foreseen_is_kept_and_a_form_without_it_is_read() -> None:
    bank = bank_with(foreseen(*range(1, HORIZON + 1)))
    again = empty_bank(1, STEP_S)
    stored.decode_into(again, 0, stored.encode(bank, 0))
    assert np.array_equal(again.forecasts.points, bank.forecasts.points)
    kept = msgspec.msgpack.decode(stored.encode(bank, 0), type=StoredEnsemble)
    former = empty_bank(1, STEP_S)
    rows = kept.rows[: -len([*arrays.every(bank.forecasts), *arrays.every(bank.usual)])]
    value = msgspec.msgpack.encode(StoredEnsemble(2, STEP_S, rows))
    stored.decode_into(former, 0, value)
    assert former.count[0] == bank.count[0]
    assert np.isnan(former.forecasts.points).all()
    with pytest.raises(msgspec.ValidationError):
        stored.decode_into(former, 0, msgspec.msgpack.encode(StoredEnsemble(3, STEP_S, rows)))


def test_points_are_means_and_gaps_are_told() -> None:
    windows = [(0.0, 1.0), (300.0, 3.0), (1800.0, 8.0)]
    points = forecast.points_of(windows, 900.0)
    found = forecast.history(points, windows[-1:], STEP_S, 86_400.0)
    assert points == [(0, 2.0), (2, 8.0)]
    assert found.points.tolist()[::2] == [2.0, 8.0]
    assert np.isnan(found.points[1])


def test_forecasts_are_made_on_the_way_from_what_came_before() -> None:
    asked: list[History] = []

    def fit(history: History) -> Fit:
        asked.append(history)
        return Fit(history.start_s + 900.0 * len(history.points), np.ones(HORIZON), np.ones(9))

    bank, fitting = RuleBank(rule("forecast", window="5m")), Fitting()
    day = 288
    for number in range(5 * day):
        value = 100.0 + 50.0 * np.sin(2 * np.pi * number / day)
        item = window(number, value, window="5m")
        seen = Seen("svc", item)
        list(bank.judge([seen]))
        fitting.follow(bank, [seen], fit)
    assert len(asked) >= 4
    assert {history.season_s for history in asked} <= {3600.0, 21_600.0, 86_400.0}
    assert asked[-1].season_s == 86_400.0
    newest_s = asked[-1].time_s[-1]
    assert newest_s < asked[-1].start_s + 900.0 * len(asked[-1].points)
    assert not len(due(bank.bank, ROW)) or bank.bank.newest_s[0] > newest_s
