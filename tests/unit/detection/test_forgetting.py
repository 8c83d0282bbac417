"""What gives no more data is forgotten after two weeks of event time, and within a count."""

from __future__ import annotations

from liveops.detection.absence import judge_absence
from liveops.detection.engine import observe
from liveops.detection.forgetting import FORGET_AFTER_S, excess_of, forget_series, forget_silent
from liveops.detection.report import Outcome
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import ServiceDetectors, new_service
from tests.aggregates import BEGIN_S, rule, window

DAY = 1440
NONE = RuleBook((), ())
THRESHOLD = RuleBook([rule("threshold")], ())


def pods(state: ServiceDetectors, minute: int, names: list[str], book: RuleBook = NONE) -> Outcome:
    """One closed minute of these pods."""
    items = [window(minute, 1.0, tags={"pod": name}) for name in names]
    return observe(state, items, book)


def test_dead_pods_are_forgotten_over_simulated_weeks() -> None:
    state, most, forgotten = new_service("svc"), 0, set[str]()
    for day in range(70):  # 40 pods a day, each lives for a day
        for minute in (0, 700, 1439):
            names = [f"p{day}-{n}" for n in range(40)]
            forgotten |= pods(state, day * DAY + minute, names).forgotten
        most = max(most, len(state.series))
        assert len(state.seen) == len(state.series)
    assert most <= 16 * 40
    assert len(forgotten) >= 54 * 40
    assert forgotten.isdisjoint(state.series)


def test_a_series_back_within_two_weeks_keeps_what_it_has_learned() -> None:
    state = new_service("svc")
    pods(state, 0, ["a", "b"])
    for day in range(1, 14):
        pods(state, day * DAY, ["b"])
    assert len(state.series) == 2
    assert pods(state, 13 * DAY + 700, ["a", "b"]).forgotten == set()


def test_what_is_forgotten_is_not_stored_in_the_same_breath() -> None:
    state = new_service("svc")
    pods(state, 0, ["a"])
    outcome = pods(state, 15 * DAY, ["b"])
    assert (outcome.forgotten, outcome.changed) == (
        {"latency_ms{pod=a}"},
        {"latency_ms{pod=b}"},
    )


def test_a_firing_series_is_kept_however_long_it_is_silent() -> None:
    state = new_service("svc")
    observe(state, [window(0, 500.0, tags={"pod": "a"})], THRESHOLD)
    for day in range(1, 30):
        pods(state, day * DAY, ["b"], THRESHOLD)
    assert len(state.series) == 2
    assert not forget_silent(state, state.presence.broker_s + 2 * FORGET_AFTER_S, Outcome())
    assert state.series.keys() == {"latency_ms{pod=a}"}


def test_the_end_of_a_replay_is_no_reason_to_forget() -> None:
    state = new_service("svc")
    item = window(0, 1.0, broker_time_s=float(BEGIN_S + 100 * 86_400))
    observe(state, [item], NONE)
    assert not forget_silent(state, item.broker_time_s + FORGET_AFTER_S - 60, Outcome())
    assert len(state.series) == 1
    outcome = Outcome()
    assert forget_silent(state, item.broker_time_s + FORGET_AFTER_S + 600, outcome)
    assert outcome.forgotten == {"latency_ms"}


def test_a_service_that_is_told_to_be_silent_is_kept() -> None:
    state, book = new_service("svc"), RuleBook([rule("no_data")], ())
    for second in range(0, 600, 5):
        at_s = BEGIN_S + second
        observe(state, [window(second // 60, 1.0, final=False, broker_time_s=float(at_s))], book)
    last_s = state.presence.broker_s
    assert [d.state for d in judge_absence(state, last_s + 90, book).detections] == ["firing"]
    assert not forget_silent(state, last_s + 2 * FORGET_AFTER_S, Outcome())


def test_above_the_count_the_longest_silent_go_first_and_firing_ones_last() -> None:
    states = [new_service(name) for name in ("x", "y")]
    for minute, (state, pod, mean) in enumerate(
        [(states[0], "a", 500.0), (states[1], "b", 1.0), (states[0], "c", 1.0)]
    ):
        item = window(minute, mean, tags={"pod": pod}, service_name=state.service)
        observe(state, [item], THRESHOLD)
    a, b, c = (f"latency_ms{{pod={pod}}}" for pod in "abc")
    assert excess_of(states, 1) == [("y", b)]
    assert excess_of(states[::-1], 3) == [("y", b), ("x", c), ("x", a)]


def test_a_firing_series_forced_out_ends_its_alarm_with_the_reason() -> None:
    state, outcome = new_service("svc"), Outcome()
    observe(state, [window(0, 500.0)], THRESHOLD)
    forget_series(state, "latency_ms", "forgotten: too many series", outcome)
    (ended,) = outcome.detections
    assert (ended.state, ended.reason) == ("resolved", "forgotten: too many series")
    assert (state.series, len(state.seen), outcome.forgotten) == ({}, 0, {"latency_ms"})
