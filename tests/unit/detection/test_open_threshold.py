"""What a threshold may say of a window that is still open."""

from __future__ import annotations

from typing import Any

import pytest

from liveops.detection import threshold
from liveops.detection.engine import observe
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import new_service
from schema.metrics import Aggregate
from tests.aggregates import BEGIN_S, feed, rule, window


def open_window(value: float, count: int, elapsed_s: float = 1.0, **more: Any) -> Aggregate:
    """`count` samples of `value` within the first `elapsed_s` seconds of a minute."""
    figures = {"final": False, "count": count, "sum": count * value, "rate": count / elapsed_s}
    return window(0, value, **(figures | more))


def breaks(item: Aggregate, usual: float = 3, **limits: Any) -> bool | None:
    """The verdict on a rule, None where there is none."""
    found = threshold.judge(rule("threshold", **limits), item, usual)
    return None if found is None else found.breach


@pytest.mark.parametrize("field", ["max", "count", "sum"])
def test_what_can_only_rise_breaks_its_limit_at_once(field: str) -> None:
    assert breaks(open_window(600, 1), field=field, op=">", value=0.5)


def test_a_sum_of_values_below_zero_can_fall_again() -> None:
    item = open_window(600, 2, min=-5.0)
    assert breaks(item, field="sum", op=">", value=500) is None


@pytest.mark.parametrize("field", ["mean", "p50", "p95", "p99"])
def test_the_first_value_of_a_burst_is_no_mean(field: str) -> None:
    limits: dict[str, Any] = {"field": field, "op": ">", "value": 500}
    assert breaks(open_window(600, 1), usual=60, **limits) is None
    assert breaks(open_window(600, 2), usual=60, **limits) is None
    assert breaks(open_window(600, 3), usual=60, **limits)


@pytest.mark.parametrize("op", ["<", ">"])
def test_a_metric_sent_once_a_minute_is_judged_by_its_one_value(op: str) -> None:
    assert breaks(open_window(600, 1), usual=1, op=op, value=600.5 if op == "<" else 599.5)


def test_the_usual_number_of_samples_is_learned_from_closed_windows() -> None:
    state, book = new_service("svc"), RuleBook([rule("threshold", value=500)], ())
    for number in range(3):
        first = window(number, 600.0, final=False, count=1, rate=1.0)
        assert observe(state, [first], book, 0.0).detections == []
        observe(state, [window(number, 50.0, count=1)], book)
    late = window(3, 600.0, final=False, count=1, rate=1.0)
    (found,) = observe(state, [late], book, 0.0).detections
    assert found.onset_s == BEGIN_S + 180


def test_sixty_records_in_the_first_second_are_no_rate_of_sixty() -> None:
    limits: dict[str, Any] = {"field": "rate", "op": ">", "value": 10}
    assert breaks(open_window(1, 60), **limits) is None
    assert breaks(open_window(1, 70, 20.0), **limits) is False
    assert breaks(open_window(1, 601), **limits)  # more than ten a second whatever follows
    assert breaks(open_window(1, 60, final=True, rate=1.0), **limits) is False


@pytest.mark.parametrize("field", ["min", "max", "stddev", "rate"])
def test_too_low_is_told_when_a_share_of_the_window_has_passed(field: str) -> None:
    limits: dict[str, Any] = {"field": field, "op": "<", "value": 100}
    assert breaks(open_window(1, 3, 2.0), **limits) is None
    assert breaks(open_window(1, 30, 30.0), **limits)


@pytest.mark.parametrize("field", ["count", "sum"])
def test_too_few_are_known_at_the_end_only(field: str) -> None:
    limits: dict[str, Any] = {"field": field, "op": "<", "value": 100}
    assert breaks(open_window(1, 59, 59.0), **limits) is None
    assert breaks(window(0, 1.0), **limits)


def test_too_low_a_mean_waits_for_its_samples_or_a_share_of_the_window() -> None:
    limits: dict[str, Any] = {"op": "<", "value": 100}
    assert breaks(open_window(1, 3, 2.0), usual=60, **limits) is None
    assert breaks(open_window(1, 13, 13.0), usual=60, **limits)


def test_the_reason_says_on_what_it_rests() -> None:
    def reason(item: Aggregate, **limits: Any) -> str:
        found = threshold.judge(rule("threshold", **limits), item)
        assert found is not None
        return found.reason

    assert reason(open_window(143, 1), field="max") == (
        "max 143 breaks the rule > 100 (max can only rise until the window closes)"
    )
    assert reason(open_window(143, 3)) == "mean 143 breaks the rule > 100 (3 samples so far)"
    assert reason(window(0, 143.0)) == "mean 143 breaks the rule > 100"
    assert reason(open_window(1, 30, 30.0), field="min", op="<") == (
        "min 1 breaks the rule < 100 (30 s of the window so far)"
    )


def test_a_closed_window_decides_what_the_open_one_did_not() -> None:
    state, book = new_service("svc"), RuleBook([rule("threshold", field="count", op="<")], ())
    assert observe(state, [window(0, 1.0, final=False)], book, 0.0).detections == []
    assert [d.state for d in feed(state, book, [1.0])] == ["firing"]
