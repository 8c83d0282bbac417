"""The fold: states of a series, learning, silences, rules that change, stored form."""

from __future__ import annotations

import pytest

from liveops.detection.absence import judge_absence
from liveops.detection.codec import (
    decode_presence,
    decode_series,
    encode_presence,
    encode_series,
)
from liveops.detection.engine import observe
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import new_service
from schema.rules import Silence
from tests.aggregates import BEGIN_S, feed, quiet, rule, window

THRESHOLD = RuleBook([rule("threshold")], ())


def test_a_threshold_fires_on_an_open_window_at_once() -> None:
    state = new_service("svc")
    item = window(0, 500.0, final=False, count=3)
    (found,) = observe(state, [item], THRESHOLD, BEGIN_S + 3.0).detections
    assert (found.state, found.onset_s, found.at_s) == ("firing", BEGIN_S, BEGIN_S + 3.0)
    assert observe(state, [item], THRESHOLD, BEGIN_S + 4.0).detections == []


def test_two_healthy_closed_windows_resolve_and_open_ones_do_not() -> None:
    state = new_service("svc")
    assert [d.state for d in feed(state, THRESHOLD, [500.0, 50.0])] == ["firing"]
    for number in range(2, 5):
        open_item = window(number, 50.0, final=False)
        assert observe(state, [open_item], THRESHOLD, 0.0).detections == []
    assert [d.state for d in feed(state, THRESHOLD, [50.0], 2)] == ["resolved"]


def test_keep_firing_for_s_delays_the_end() -> None:
    state = new_service("svc")
    book = RuleBook([rule("threshold", keep_firing_for_s=300)], ())
    found = feed(state, book, [500.0] + [50.0] * 10)
    assert [d.state for d in found] == ["firing", "resolved"]
    assert found[1].at_s - found[0].at_s == 300


def test_for_s_wants_a_lasting_breach() -> None:
    book = RuleBook([rule("threshold", for_s=120)], ())
    assert feed(new_service("svc"), book, [500.0, 500.0, 50.0, 500.0, 500.0]) == []
    assert len(feed(new_service("svc"), book, [500.0] * 3)) == 1


def test_backfilled_windows_are_ignored() -> None:
    state = new_service("svc")
    assert observe(state, [window(0, 999.0, backfill=True)], THRESHOLD).detections == []
    assert state.series == {}


def silence(until: str = "2099-01-01T00:00:00Z") -> Silence:
    return Silence(
        id="s", starts_at="2020-01-01T00:00:00Z", ends_at=until, reason="", created_by=""
    )


def test_a_silence_mutes_and_what_still_fires_is_told_when_it_ends() -> None:
    state = new_service("svc")
    muted = RuleBook([rule("threshold")], [silence()])
    assert feed(state, muted, [500.0] * 3) == []
    assert [d.state for d in feed(state, THRESHOLD, [500.0] * 2, 3)] == ["firing"]
    quiet_state = new_service("svc")
    assert feed(quiet_state, muted, [500.0, 50.0, 50.0, 50.0]) == []


def test_a_removed_rule_ends_its_excursion() -> None:
    state = new_service("svc")
    feed(state, THRESHOLD, [500.0])
    (ended,) = feed(state, RuleBook((), ()), [500.0], 1)
    assert (ended.state, "rule" in ended.reason) == ("resolved", True)


@pytest.mark.parametrize(
    ("service", "metric", "tags", "matches"),
    [("s*", "*", {}, True), ("other", "*", {}, False), ("svc", "cpu", {}, False),
     ("svc", "lat*", {"az": "a"}, True), ("svc", "*", {"az": "b"}, False)],
)  # fmt: skip
def test_rules_choose_by_globs_and_tags(
    service: str, metric: str, tags: dict[str, str], matches: bool
) -> None:
    book = RuleBook([rule("threshold", service=service, metric=metric, tags=tags)], ())
    state = new_service("svc")
    found = observe(state, [window(0, 500.0, tags={"az": "a", "pod": "1"})], book).detections
    assert bool(found) is matches


def test_a_silent_service_is_told_its_alarms_wait_and_data_resolve() -> None:
    state = new_service("svc")
    book = RuleBook([rule("threshold"), rule("no_data")], ())
    for second in range(0, 600, 5):
        at_s = BEGIN_S + second
        item = window(second // 60, 500.0, final=False, broker_time_s=float(at_s))
        observe(state, [item], book, at_s)
    last_s = state.presence.broker_s
    assert judge_absence(state, last_s + 50, book).detections == []
    outcome = judge_absence(state, last_s + 70, book)
    (told,) = outcome.detections
    assert outcome.presence_changed
    assert outcome.changed <= state.series.keys()
    assert (told.detector, told.state) == ("no_data", "firing")
    (waits,) = judge_absence(state, last_s + 130, book).detections
    assert (waits.detector, waits.state) == ("threshold", "no_data")
    assert judge_absence(state, last_s + 600, book).detections == []
    back = feed(state, book, [500.0, 500.0], 30)
    assert [(d.detector, d.state) for d in back] == [
        ("threshold", "firing"),
        ("no_data", "resolved"),
    ]


def test_stored_state_goes_on_where_it_stopped() -> None:
    whole, parts = new_service("svc"), new_service("svc")
    means = [*quiet(40), *[500.0] * 3, *quiet(5, 1)]
    book = RuleBook([rule("threshold", value=200.0), rule("no_data")], ())
    expected = feed(whole, book, means)
    found = []
    for number, mean in enumerate(means):
        found += feed(parts, book, [mean], number)
        parts.series = {k: decode_series(encode_series(v)) for k, v in parts.series.items()}
        parts.presence, offsets = decode_presence(encode_presence(parts.presence, {"t": number}))
        assert offsets == {"t": number}
    assert found == expected
    assert [d.state for d in found] == ["firing", "resolved"]


def test_a_firing_alarm_tells_how_it_stands_at_a_sane_pace() -> None:
    state = new_service("svc")
    book = RuleBook([rule("threshold", field="max")], ())
    told = []
    for second in range(1, 59):
        item = window(0, min(143.6 + 20 * second, 330.0), final=False)
        told += observe(state, [item], book, BEGIN_S + second).detections
    assert [(d.value, d.peak, d.at_s - BEGIN_S) for d in told] == [
        (163.6, 163.6, 1), (330.0, 330.0, 11),
    ]  # fmt: skip
    assert len({d.id for d in told}) == 1


def test_the_peak_stays_when_the_value_comes_down() -> None:
    state = new_service("svc")
    told = feed(state, THRESHOLD, [500.0, 900.0, 300.0, 150.0])
    assert [(d.value, d.peak) for d in told] == [
        (500.0, 500.0), (900.0, 900.0), (300.0, 900.0), (150.0, 900.0),
    ]  # fmt: skip
    feed(state, THRESHOLD, [50.0, 50.0], 4)
    (again,) = feed(state, THRESHOLD, [200.0], 6)
    assert again.peak == 200.0


def test_a_long_excursion_is_told_ever_more_rarely() -> None:
    told = feed(new_service("svc"), THRESHOLD, [500.0 + n % 7 for n in range(1440)])
    assert 10 < len(told) < 60
