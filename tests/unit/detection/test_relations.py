"""Rules that compare: with the window before, with another metric."""

from __future__ import annotations

import pytest

from liveops.detection.codec import decode_series, encode_series
from liveops.detection.engine import observe
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import ServiceDetectors, new_service
from schema.incidents import Detection
from schema.metrics import Aggregate
from tests.aggregates import feed, rule, window

HALF_MORE = rule("change", op=">", value=0.5)
ERRORS = rule("ratio", metric="errors", per="requests", op=">", value=0.05)


def test_a_change_is_the_share_of_the_window_before() -> None:
    state, book = new_service("svc"), RuleBook([HALF_MORE], ())
    found = feed(state, book, [100.0, 149.0, 149.0, 298.0, 298.0, 298.0, 298.0])
    assert [one.state for one in found] == ["firing", "resolved"]
    assert (found[0].value, found[0].upper, found[0].detector) == (1.0, 0.5, "change")
    assert found[0].reason == ("mean changed from 149 to 298, by 100 %, and breaks the rule > 0.5")


def test_a_fall_is_a_change_below_nothing() -> None:
    book = RuleBook([rule("change", op="<", value=-0.5)], ())
    (told,) = feed(new_service("svc"), book, [100.0, 49.0])
    assert told.value == pytest.approx(-0.51)
    assert feed(new_service("svc"), book, [100.0, 51.0]) == []


@pytest.mark.parametrize(("means", "told"), [([0.0, 0.0], 0), ([0.0, 1.0], 1), ([-4.0, -1.0], 1)])
def test_changes_from_nothing_and_below_it(means: list[float], told: int) -> None:
    assert len(feed(new_service("svc"), RuleBook([HALF_MORE], ()), means)) == told


def test_a_gap_and_an_open_window_are_no_change() -> None:
    state, book = new_service("svc"), RuleBook([HALF_MORE], ())
    assert feed(state, book, [100.0]) == []
    assert observe(state, [window(1, 900.0, final=False)], book, 0.0).detections == []
    assert feed(state, book, [900.0], 2) == []


def both(number: int, errors: float, requests: float) -> list[Aggregate]:
    return [
        window(number, errors, metric_type="errors"),
        window(number, requests, metric_type="requests"),
    ]


def told(state: ServiceDetectors, items: list[Aggregate]) -> list[Detection]:
    book = RuleBook([ERRORS], ())
    return [one for item in items for one in observe(state, [item], book).detections]


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_ratio_is_judged_when_both_windows_are_closed(is_turned: bool) -> None:
    state = new_service("svc")
    items = [both(0, 1, 100), both(1, 10, 100), *(both(n, 1, 100) for n in range(2, 6))]
    if is_turned:
        items = [pair[::-1] for pair in items]
    found = [one for pair in items for one in told(state, pair)]
    assert [one.state for one in found] == ["firing", "resolved"]
    assert found[0].metric_type == "errors"
    assert found[0].value == pytest.approx(0.1)
    assert "0.1 of that of requests (10 of 100)" in found[0].reason


def test_a_ratio_needs_the_same_window_tags_and_something_below() -> None:
    state = new_service("svc")
    assert told(state, [both(0, 50, 100)[0], both(1, 50, 100)[1]]) == []
    assert told(state, both(2, 50, 0)) == []
    errors, requests = both(3, 50, 100)
    tagged = window(3, 100, metric_type="requests", tags={"route": "/"})
    assert told(state, [errors, tagged]) == []
    assert len(told(state, [requests])) == 1


def test_what_is_compared_outlives_the_worker() -> None:
    state, book = new_service("svc"), RuleBook([HALF_MORE], ())
    feed(state, book, [100.0])
    state.series = {k: decode_series(encode_series(v)) for k, v in state.series.items()}
    assert len(feed(state, book, [200.0], 1)) == 1
