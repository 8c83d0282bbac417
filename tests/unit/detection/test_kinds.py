"""Counters and deltas are judged by their rate; rules may name what they grew by."""

from __future__ import annotations

from typing import Any

import pytest

from liveops.detection.rulebook import RuleBook
from liveops.detection.threshold import judge
from schema.incidents import Detection
from schema.metrics import Aggregate
from tests.aggregates import quiet, rule, window
from tests.learning import Worker

ZSCORE = rule("zscore", sensitivity=4.0)


def counted(number: int, level: float, per_s: float, **more: Any) -> Aggregate:
    return window(
        number, level, **{"kind": "counter", "increase": 60 * per_s, "rate_per_s": per_s} | more
    )


def detections(windows: list[Aggregate]) -> list[Detection]:
    worker = Worker(RuleBook([ZSCORE], ()))
    return [found for item in windows for found in worker.take([item])]


def test_the_reset_of_a_counter_is_no_alarm_and_its_burst_is() -> None:
    rates = quiet(60)
    levels = [1e6 + 100 * n for n in range(40)] + [50 * n for n in range(20)]
    calm = [counted(n, *pair) for n, pair in enumerate(zip(levels, rates, strict=True))]
    assert detections(calm) == []
    burst = [counted(60 + n, 2000 + n, 500.0) for n in range(3)]
    found = detections([*calm, *burst])
    assert found
    assert found[0].value == 500.0


@pytest.mark.parametrize(("field", "value"), [("increase", 300.0), ("rate_per_s", 5.0)])
def test_a_threshold_on_what_grew(field: Any, value: float) -> None:
    limit = rule("threshold", field=field, op=">", value=value)
    for per_s, breach in ((4.9, False), (5.1, True)):
        verdict = judge(limit, counted(0, 1e9, per_s))
        assert verdict is not None
        assert verdict.breach is breach
    assert judge(limit, window(0, 1e9)) is None  # a gauge has none


def test_an_increase_over_the_limit_is_known_while_the_window_is_open() -> None:
    limit = rule("threshold", field="increase", op=">", value=300.0)
    verdict = judge(limit, counted(0, 1.0, 6.0, final=False))
    assert verdict is not None
    assert verdict.breach
    below = rule("threshold", field="increase", op="<", value=300.0)
    assert judge(below, counted(0, 1.0, 4.0, final=False)) is None
