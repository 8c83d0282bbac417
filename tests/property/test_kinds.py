"""Counters, deltas and samples that count once: the same increase whatever the order, the
chunks, the partitions, crashes and replays."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from liveops.windows import samples as kept_samples
from liveops.windows.state import WindowLimits
from schema.times import format_time
from schema.topics import RAW, RAW_KEYED
from tests.windows_model import SIZES, Log, Sample, increases, right_partition

LIMITS = WindowLimits(lateness_s=30.0, allowed_lateness_s=3600.0)
START_S = 1_700_000_100.0
PARTITIONS = 2
SERVICES = ("shop", "cart", "search")

values = st.integers(0, 4_000).map(lambda n: n / 4)
events = st.lists(
    st.tuples(
        st.floats(0, 90),  # seconds since the event before
        st.sampled_from([0.0, 0.0, 5.0, 25.0, 70.0, 200.0, 900.0]),  # seconds it comes late
        st.sampled_from(SERVICES),
        st.sampled_from(["counter", "counter", "delta", "gauge"]),
        values,
        st.booleans(),  # on the partition where it belongs
        st.sampled_from([None, None, 10.0, 5000.0]),  # seconds since the counter began
        st.booleans(),  # it counts once, and comes twice
    ),
    min_size=1,
    max_size=40,
)
Event = tuple[float, float, str, str, float, bool, float | None, bool]
steps = st.lists(
    st.tuples(
        st.integers(0, PARTITIONS - 1),
        st.sampled_from([RAW, RAW_KEYED, RAW, RAW_KEYED, "checkpoint", "torn", "sent"]),
        st.integers(0, 30),
    ),
    max_size=30,
)
#: Of each series what counts, in the order of the log.
Truth = dict[tuple[str, str], list[Sample]]


def fill(log: Log, plan: list[Event]) -> tuple[Truth, float]:
    """Put the events on the log; the plain truth, and a time after all of them."""
    truth: Truth = defaultdict(list)
    clock_s = START_S
    for step_s, behind_s, service, kind, value, right, began_s, once in plan:
        clock_s += step_s
        at_s = round(clock_s - behind_s, 3)
        item: dict[str, Any] = {"service_name": service, "metric_type": kind, "kind": kind}
        item |= {"value": value, "timestamp": at_s}
        start_s = None if began_s is None or kind != "counter" else at_s - began_s
        if start_s is not None:
            item["start"] = start_s
        home = right_partition(service, PARTITIONS)
        if once:  # of these there is one a time: the first is not to be told from the second
            item |= {"once": True, "metric_type": f"{kind}.once"}
            known = {sample[0] for sample in truth[service, f"{kind}.once"]}
            if at_s in known:
                continue
            log.append(1 - home, clock_s + 1.0, item)
        log.append(home if right else 1 - home, clock_s + 1.0, item)
        truth[service, item["metric_type"]].append((at_s, value, start_s))
    return truth, clock_s


def play(log: Log, todo: list[tuple[int, str, int]]) -> None:
    for number, action, count in todo:
        if action == "checkpoint":
            log.checkpoint(number)
        elif action in ("torn", "sent"):
            log.crash(number, count, sent=action == "sent")
        else:
            log.read(number, action, count)


def check(log: Log, truth: Truth) -> None:
    final = log.final()
    assert {(key[0], key[1]) for key in final} == set(truth)
    for (service, metric), found in truth.items():
        grown = increases(found)
        for (_, _, _, window, start), got in final.items():
            if (got["service_name"], got["metric_type"]) != (service, metric):
                continue
            size = SIZES[window]
            inside = [v for at, v, _ in found if format_time(at // size * size) == start]
            assert (got["count"], got["sum"]) == (len(inside), math.fsum(inside))
            kind = got.get("kind", "gauge")
            assert kind == metric.removesuffix(".once")
            wanted = {"gauge": None, "delta": got["sum"], "counter": grown[window, start]}[kind]
            assert got["increase"] == wanted
            assert got["rate_per_s"] == (None if wanted is None else wanted / size)


@settings(max_examples=200, deadline=None)
@given(plan=events, todo=steps)
def test_increase_is_a_function_of_the_set_of_samples(
    plan: list[Event], todo: list[tuple[int, str, int]]
) -> None:
    log = Log(PARTITIONS, LIMITS)
    truth, end_s = fill(log, plan)
    play(log, todo)
    log.finish(end_s + 9000)
    check(log, truth)
    assert not log.dirty
    assert not log.faults


#: Samples of one counter: seconds since the one before, seconds it comes late, value.
sparse = st.lists(
    st.tuples(
        st.floats(0, 90) | st.sampled_from([900.0, 1800.0, 3000.0, 3700.0, 5000.0]),
        st.sampled_from([0.0, 0.0, 20.0, 100.0]),
        values,
    ),
    min_size=1,
    max_size=15,
)


#: A crash after the outputs had left; the minute with the newest sample before it was dropped.
dropped_again = {
    "plan": [(0.0, 0.0, 0.0)] * 8 + [(0.0, 0.0, 0.25), (1.0, 0.0, 0.0), (1800.0, 0.0, 0.25)],
    "todo": [(0, RAW, 9), (0, "checkpoint", 0), (0, RAW, 2), (0, "sent", 0)],
}


@settings(max_examples=200, deadline=None)
@example(**dropped_again)
@given(plan=sparse, todo=steps)
def test_a_counter_remembers_its_last_sample_for_an_hour(
    plan: list[tuple[float, float, float]], todo: list[tuple[int, str, int]]
) -> None:
    log = Log(PARTITIONS, WindowLimits())
    truth: Truth = defaultdict(list)
    clock_s = START_S
    home = right_partition("shop", PARTITIONS)
    for step_s, behind_s, value in plan:
        clock_s += step_s
        at_s = round(clock_s - behind_s, 3)
        item = {"service_name": "shop", "metric_type": "counter", "kind": "counter"}
        log.append(home, clock_s + 1.0, item | {"value": value, "timestamp": at_s})
        truth["shop", "counter"].append((at_s, value, None))
    play(log, todo)
    log.finish(clock_s + 5000)
    check(log, truth)
    assert not log.dirty


@settings(max_examples=100, deadline=None)
@given(
    plan=events,
    todo=st.lists(st.tuples(st.integers(1, 8), st.none() | st.integers(0, 14)), max_size=20),
)
def test_a_checkpoint_torn_anywhere_keeps_every_sample_once(
    plan: list[Event], todo: list[tuple[int, int | None]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:  # few samples fit
        patch.setattr(kept_samples, "MAX_SAMPLES", 4)
        patch.setattr(kept_samples, "_NEWEST", 2)
        log = Log(1, LIMITS)
        truth: Truth = defaultdict(list)
        for at, (_, _, _, kind, value, _, _, again) in enumerate(plan):
            at_s = START_S + 7 * at
            item = {"service_name": "shop", "metric_type": kind, "kind": kind, "value": value}
            item |= {"timestamp": at_s, "once": True}
            for _ in range(1 + again):
                log.append(0, at_s + 1, item)
            truth["shop", kind].append((at_s, value, None))
        for count, writes in todo:
            log.read(0, RAW, count)
            if writes is None:
                log.checkpoint(0)
            else:
                log.crash(0, writes)
        log.finish(START_S + 10_000)
        final = log.final()
    for (service, metric, _, window, start), got in final.items():
        found = truth[service, metric]
        size = SIZES[window]
        assert got["count"] == sum(format_time(at // size * size) == start for at, _, _ in found)
        if metric == "counter":
            assert got["increase"] == increases(found)[window, start]


@settings(max_examples=200, deadline=None)
@given(
    plan=st.lists(
        st.tuples(
            st.floats(0, 90) | st.sampled_from([900.0, 2000.0, 3700.0, 4500.0]),
            st.sampled_from([0.0, 0.0, 20.0, 100.0, 2000.0]),
            st.sampled_from(["counter", "counter", "delta", "gauge"]),
            st.sampled_from(["shop", "cart"]),
            values,
        ),
        min_size=1,
        max_size=25,
    ),
    todo=st.lists(st.tuples(st.integers(1, 8), st.booleans()), max_size=20),
)
def test_the_log_decides_what_kind_a_series_is(
    plan: list[tuple[float, float, str, str, float]], todo: list[tuple[int, bool]]
) -> None:
    results = []
    for cut in ([(1, False)] * len(plan), todo):
        log = Log(1, WindowLimits())
        clock_s = START_S
        for step_s, behind_s, kind, service, value in plan:
            clock_s += step_s
            item = {"service_name": service, "metric_type": "m", "kind": kind, "value": value}
            log.append(0, clock_s + 1.0, item | {"timestamp": round(clock_s - behind_s, 3)})
        for count, stores in cut:
            log.read(0, RAW, count)
            if stores:
                log.checkpoint(0)
        log.finish(clock_s + 5000)
        told = {
            key: {
                name: got.get(name)
                for name in ("kind", "count", "sum", "increase", "rate_per_s", "histogram")
            }
            for key, got in log.final().items()
        }
        late = sorted({minute for dirty in log.dirty for minute in dirty["minutes"]})
        results.append((told, log.faults, late))
    assert results[0] == results[1]
