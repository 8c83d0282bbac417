"""Threshold, z-score, forecast and silence, each by itself."""

from __future__ import annotations

import pytest

from liveops.detection import forecast, no_data, threshold, zscore
from liveops.detection.state import Baseline, Presence
from tests.aggregates import BEGIN_S, quiet, rule, window


def learned(count: int = 30, level: float = 100.0) -> Baseline:
    baseline = Baseline()
    for number, mean in enumerate(quiet(count, level=level)):
        zscore.learn(baseline, window(number, mean), "mean")
    return baseline


@pytest.mark.parametrize(
    ("op", "value", "breach"),
    [(">", 99.0, True), (">", 100.0, False), (">=", 100.0, True), ("<", 101.0, True),
     ("<", 100.0, False), ("<=", 100.0, True)],
)  # fmt: skip
def test_threshold_compares_as_written(op: str, value: float, breach: bool) -> None:
    verdict = threshold.judge(rule("threshold", op=op, value=value), window(0, 100.0))
    assert verdict is not None
    assert verdict.breach is breach


def test_an_open_window_may_have_too_much_but_not_yet_too_little() -> None:
    half = window(0, 1.0, final=False, count=10)
    low = rule("threshold", field="count", op="<", value=50)
    high = rule("threshold", field="count", op=">", value=5)
    assert threshold.judge(low, half) is None
    verdict = threshold.judge(high, half)
    assert verdict is not None
    assert verdict.breach


def test_zscore_learns_first_then_tells_far_from_near() -> None:
    assert zscore.judge(learned(zscore.LEARNING_WINDOWS - 1), window(9, 900.0), "mean", 6) is None
    far = zscore.judge(learned(), window(30, 500.0), "mean", 6)
    near = zscore.judge(learned(), window(30, 104.0), "mean", 6)
    assert far is not None
    assert near is not None
    assert (far.breach, near.breach, near.healthy) == (True, False, True)
    assert far.expected == pytest.approx(100, rel=0.05)
    assert "above" in far.reason


def test_a_constant_series_does_not_fire_on_rounding() -> None:
    baseline = Baseline()
    for number in range(40):
        zscore.learn(baseline, window(number, 0.1 + 0.2, stddev=0.0), "mean")
    verdict = zscore.judge(baseline, window(40, 0.3, stddev=0.0), "mean", 6)
    assert verdict is not None
    assert verdict.healthy


def test_few_samples_of_a_wide_series_are_no_evidence() -> None:
    baseline = Baseline()
    for number, mean in enumerate(quiet(30)):
        zscore.learn(baseline, window(number, mean, stddev=60.0), "mean")
    few = zscore.judge(baseline, window(30, 200.0, final=False, count=3), "mean", 6)
    many = zscore.judge(baseline, window(30, 200.0, final=False, count=58), "mean", 6)
    assert few is not None
    assert many is not None
    assert (few.breach, many.breach) == (False, True)
    assert zscore.judge(baseline, window(30, 200.0, final=False, count=2), "mean", 6) is None


def test_a_newer_revision_replaces_and_an_older_one_does_not() -> None:
    baseline = learned()
    before = baseline.points[-1].value
    zscore.learn(baseline, window(29, 77.0, revision=2), "mean")
    zscore.learn(baseline, window(29, 11.0, revision=1), "mean")
    assert before != 77.0
    assert baseline.points[-1].value == 77.0
    assert len(baseline.points) == 30


def test_an_excursion_hardly_moves_the_level() -> None:
    baseline = learned(40)
    for number in range(40, 50):
        zscore.learn(baseline, window(number, 900.0), "mean")
    now = zscore.normal(baseline)
    assert now is not None
    assert now.level < 130


def test_forecast_judges_only_what_was_predicted() -> None:
    baseline = learned(25)
    assert forecast.fit_due(baseline)
    request = forecast.fit_request("svc", "latency_ms", "1m/mean", baseline, 60)
    forecast.accept(baseline, request, [(100.0 + n, 1.0) for n in range(5)])
    assert not forecast.fit_due(baseline)
    inside = forecast.judge(baseline, window(27, 103.0), "mean", 6)
    outside = forecast.judge(baseline, window(27, 180.0), "mean", 6)
    assert inside is not None
    assert outside is not None
    assert (inside.breach, outside.breach, inside.expected) == (False, True, 102.0)
    assert forecast.judge(baseline, window(40, 180.0), "mean", 6) is None


def test_gaps_in_the_history_hold_the_last_value() -> None:
    baseline = Baseline()
    for number in (0, 1, 4):
        zscore.learn(baseline, window(number, float(number)), "mean")
    request = forecast.fit_request("svc", "s", "1m/mean", baseline, 60)
    assert request.values == (0.0, 1.0, 1.0, 1.0, 4.0)


def reporting(minutes: int, behind_s: float = 0.0) -> Presence:
    presence = Presence()
    for second in range(0, minutes * 60, 5):
        at_s = BEGIN_S + second
        no_data.observe(presence, at_s + behind_s, at_s)
    return presence


def is_silent(presence: Presence, now_s: float, since_s: float = 0.0) -> bool:
    limit_s = no_data.silence_limit_s(presence)
    return no_data.verdict(presence, now_s, since_s, limit_s).breach


def test_silence_is_judged_by_the_usual_interval() -> None:
    presence = reporting(10)
    last_s = presence.broker_s
    assert not is_silent(presence, last_s + 30)
    assert is_silent(presence, last_s + 90)
    assert not is_silent(presence, last_s + 90, since_s=last_s + 60)


def test_the_end_of_a_replay_or_of_a_short_visit_is_no_silence() -> None:
    assert no_data.is_known(reporting(10), no_data.LEARNING_S)
    assert not no_data.is_known(reporting(10, behind_s=86_400), no_data.LEARNING_S)
    assert not no_data.is_known(reporting(3), no_data.LEARNING_S)


def test_a_slower_rhythm_is_learned_in_a_few_rounds() -> None:
    presence = reporting(10)
    at_s = presence.broker_s
    missed = 0
    for _ in range(6):
        missed += is_silent(presence, at_s + 299)
        at_s += 300
        no_data.observe(presence, at_s, at_s)
    assert missed == 1
