"""Threshold and silence, each by itself."""

from __future__ import annotations

import pytest

from liveops.detection import no_data, threshold
from liveops.detection.state import Presence
from tests.aggregates import BEGIN_S, rule, window


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
