"""The demo is a function of its seed, and its faults do what they announce."""

from __future__ import annotations

from itertools import islice, pairwise
from random import Random

import pytest

from liveops.demo.faults import KINDS, Fault, Kind, schedule
from liveops.demo.run import FaultBook
from liveops.demo.shop import BY_NAME, SHOP, callers_by_distance, edges
from liveops.demo.signals import readings

NOON_S = 1_700_049_600.0


def fault(kind: Kind, service: str = "search-index", size: float = 6.0) -> Fault:
    return Fault(kind, service, NOON_S, 100.0, size)


def level(service: str, metric: str, faults: list[Fault], at_s: float) -> list[float]:
    return [
        r.value
        for r in readings(at_s, faults, Random(1))
        if (r.service_name, r.metric_type) == (service, metric)
    ]


def test_the_shop_has_twelve_services_and_calls_only_among_them() -> None:
    assert len(SHOP) == 12
    assert {name for edge in edges() for name in edge} <= set(BY_NAME)


@pytest.mark.parametrize("seed", [0, 1, 424242])
def test_the_same_seed_gives_the_same_signals_and_faults(seed: int) -> None:
    once, again = (
        [readings(NOON_S + i, (), rng) for i in range(5)] for rng in (Random(seed), Random(seed))
    )
    assert once == again
    assert list(islice(schedule(Random(seed), NOON_S), 9)) == list(
        islice(schedule(Random(seed), NOON_S), 9)
    )


@pytest.mark.parametrize("seed", range(20))
def test_three_different_faults_come_within_ten_minutes_and_never_overlap(seed: int) -> None:
    coming = list(islice(schedule(Random(seed), NOON_S), 12))
    assert 60 <= coming[0].start_s - NOON_S <= 90
    assert len({item.kind for item in coming if item.start_s < NOON_S + 600}) >= 3
    for before, after in pairwise(coming):
        assert after.start_s - before.end_s >= 60
    assert {item.kind for item in coming[:4]} == set(KINDS)


def test_latency_spreads_to_callers_later_and_weaker() -> None:
    slow = [fault("latency")]
    direct, far = "search", "storefront"
    assert callers_by_distance("search-index")[far] == 2
    quiet = {name: level(name, "latency_ms", [], NOON_S)[0] for name in BY_NAME}
    late = {name: level(name, "latency_ms", slow, NOON_S + 60)[0] for name in BY_NAME}
    assert level(direct, "latency_ms", slow, NOON_S)[0] < 2 * quiet[direct]
    growth = [late[name] / quiet[name] for name in ("search-index", direct, far, "cart")]
    assert growth == sorted(growth, reverse=True)
    assert growth[2] > 2
    assert growth[3] < 1.5


@pytest.mark.parametrize(
    ("kind", "metric", "size"), [("errors", "error_rate", 0.4), ("memory", "memory_mb", 3.0)]
)
def test_other_faults_stay_at_home(kind: Kind, metric: str, size: float) -> None:
    at_s = NOON_S + 90
    hit = [fault(kind, size=size)]
    assert (
        level("search-index", metric, hit, at_s)[0] > 2 * level("search-index", metric, [], at_s)[0]
    )
    assert level("search", metric, hit, at_s) == level("search", metric, [], at_s)


def test_a_silent_service_sends_nothing_and_comes_back() -> None:
    silent = [fault("silence")]
    assert level("search-index", "cpu", silent, NOON_S + 50) == []
    assert level("search-index", "cpu", silent, NOON_S + 101)


def test_each_fault_is_announced_with_the_incident_it_should_cause() -> None:
    said: list[str] = []
    book = FaultBook(schedule(Random(3), NOON_S), said.append)
    for second in range(600):
        book.at(NOON_S + second)
    injected = [line for line in said if "fault injected" in line]
    expected = [line for line in said if "expected: one incident" in line]
    assert len(injected) == len(expected) >= 3
