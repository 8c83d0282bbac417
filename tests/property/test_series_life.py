"""Series that come, overflow, leave after an hour and come back: the log alone decides.

However the log is cut into chunks, and wherever the worker crashes, the same windows come out
under the same names, and the limits hold.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from liveops.windows.state import WindowLimits
from schema.series import OVERFLOW_METRIC, OVERFLOW_SERVICE
from schema.topics import RAW
from tests.windows_model import Log

START_S = 1_700_000_100.0
SERVICES = ("shop", "cart", "search", "mail")
METRICS = tuple("abcdefgh")
TIGHT = {"max_series": 3, "max_series_partition": 6, "max_services": 3, "max_overflow_series": 2}
WIDE = {"max_series": 100, "max_series_partition": 500}
#: Services are forgotten within a chunk.
FORGETFUL = TIGHT | {"forget_service_s": 5000.0}

events = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.0, 20.0, 61.0, 300.0, 1000.0, 3500.0, 3700.0, 8000.0]),
        st.sampled_from([0.0, 0.0, 0.0, 30.0, 70.0, 1500.0, 4000.0]),  # seconds it is late
        st.sampled_from(SERVICES),
        st.sampled_from(METRICS),
        st.integers(0, 1000),
    ),
    min_size=1,
    max_size=40,
)
Event = tuple[float, float, str, str, int]


def log_of(plan: list[Event], limits: WindowLimits) -> Log:
    log, clock_s = Log(1, limits), START_S
    for step_s, behind_s, service, kind, value in plan:
        clock_s += step_s
        item = {"service_name": service, "metric_type": kind, "value": value}
        log.append(0, clock_s + 1.0, item | {"timestamp": clock_s - behind_s})
    return log


def outcome(log: Log) -> dict[Any, Any]:
    """What each window says in the end; what was too late for the stream is noted apart."""
    log.finish(START_S + 1e6)
    windows = {key: (got["count"], got["sum"]) for key, got in log.final().items()}
    late = {(dirty["service_name"], minute) for dirty in log.dirty for minute in dirty["minutes"]}
    return windows | dict.fromkeys(late)


@pytest.mark.parametrize("bounds", [TIGHT, WIDE, FORGETFUL], ids=["tight", "wide", "forgetful"])
@pytest.mark.parametrize("allowed_lateness_s", [300.0, 5400.0])
@settings(max_examples=120, deadline=None)
@given(plan=events, cuts=st.lists(st.integers(1, 40), max_size=8))
def test_the_split_into_chunks_does_not_matter(
    allowed_lateness_s: float, bounds: dict[str, Any], plan: list[Event], cuts: list[int]
) -> None:
    limits = WindowLimits(allowed_lateness_s=allowed_lateness_s, **bounds)
    one_by_one, in_chunks = log_of(plan, limits), log_of(plan, limits)
    for _ in plan:
        one_by_one.read(0, RAW, 1)
    for count in cuts:
        in_chunks.read(0, RAW, count)
    in_chunks.read(0, RAW, len(plan))
    assert outcome(in_chunks) == outcome(one_by_one)


#: When the second checkpoint is read again, `mail` was last read two hours ago, not never.
QUIET_FOR_HOURS: list[Event] = [
    *[(0.0, 0.0, "shop", "a", 0)] * 8,
    (0.0, 0.0, "search", "a", 0),
    (0.0, 0.0, "mail", "a", 0),
    (3500.0, 0.0, "shop", "a", 0),
    (0.0, 1500.0, "search", "a", 0),
    (3700.0, 0.0, "shop", "a", 0),
    (0.0, 0.0, "shop", "a", 0),
    (0.0, 0.0, "cart", "a", 0),
]


@pytest.mark.parametrize("bounds", [TIGHT, WIDE], ids=["tight", "wide"])
@settings(max_examples=120, deadline=None)
@example(plan=QUIET_FOR_HOURS, todo=[(5, None), (8, None), (1, 0)])
@given(
    plan=events,
    todo=st.lists(st.tuples(st.integers(1, 8), st.none() | st.integers(0, 12)), max_size=20),
)
def test_a_crash_anywhere_changes_no_name_and_no_number(
    bounds: dict[str, Any], plan: list[Event], todo: list[tuple[int, int | None]]
) -> None:
    limits = WindowLimits(**bounds)
    calm, crashing = log_of(plan, limits), log_of(plan, limits)
    calm.read(0, RAW, len(plan))
    for count, writes in todo:
        crashing.read(0, RAW, count)
        if writes is None:
            crashing.checkpoint(0)
        else:
            crashing.crash(0, writes)
    expected = {key: found for key, found in outcome(calm).items() if found is not None}
    found = {key: got for key, got in outcome(crashing).items() if got is not None}
    assert found == expected


@settings(max_examples=60, deadline=None)
@given(plan=events, cuts=st.lists(st.integers(1, 40), max_size=8))
def test_the_limits_hold_for_any_input(plan: list[Event], cuts: list[int]) -> None:
    log = log_of(plan, WindowLimits(**TIGHT))
    for count in [*cuts, len(plan)]:
        log.read(0, RAW, count)
        state = log.owners[0].windows.state
        assert len(state.services) <= TIGHT["max_services"] + 1
        for service in state.services.values():
            assert service.counted <= TIGHT["max_series"]
            assert len(service.overflow) <= TIGHT["max_overflow_series"] + 1
        assert state.counted == sum(s.counted for s in state.services.values())
        assert state.counted <= TIGHT["max_series_partition"]


def test_beyond_the_overflow_series_by_metric_there_is_one_a_service() -> None:
    log = Log(1, WindowLimits(max_series=5))
    for n in range(3000):
        item = {"service_name": "shop", "metric_type": f"m{n}", "value": 1, "timestamp": START_S}
        log.append(0, START_S, item)
    log.read(0, RAW, 3000)
    log.finish(START_S + 5000)
    minutes = [got for got in log.published if got["window"] == "1m"]
    assert len(minutes) == 5 + 100 + 1
    assert sum(got["count"] for got in minutes) == 3000
    rest = [got["count"] for got in minutes if got["metric_type"] == OVERFLOW_METRIC]
    assert rest == [2895]


def test_services_beyond_the_limit_are_counted_in_one_of_their_partition() -> None:
    log = Log(1, WindowLimits(max_services=5))
    for n in range(3000):
        item = {"service_name": f"pod-{n}", "metric_type": "cpu", "value": 1, "timestamp": START_S}
        log.append(0, START_S, item)
    log.read(0, RAW, 3000)
    log.finish(START_S + 5000)
    minutes = {got["service_name"]: got for got in log.published if got["window"] == "1m"}
    assert len(minutes) == 6
    rest = minutes[f"{OVERFLOW_SERVICE}0"]
    assert (rest["count"], rest["tags"]) == (2995, {"liveops_overflow": "true"})


def test_a_service_silent_for_eight_days_makes_room_for_another() -> None:
    log = Log(1, WindowLimits(max_services=2))
    day_s = 86_400.0
    for at, service in ((0.0, "old"), (1.0, "other"), (8.5 * day_s, "new"), (8.6 * day_s, "old")):
        item = {"service_name": service, "metric_type": "cpu", "value": 1}
        log.append(0, START_S + at, item)
        log.read(0, RAW, 1)
        log.owners[0].windows.tick(START_S + at + 5000)
        log.checkpoint(0)
    state = log.owners[0].windows.state
    assert {*state.services} == {"new", "old"}
    assert not [key for key in log.owners[0].table.data if key.startswith(b"other\x00")]
    log.crash(0, 0)
    assert {*log.owners[0].windows.state.services} == {"new", "old"}
