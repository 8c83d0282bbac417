"""Whatever the order within the lateness, the split into chunks, the interleaving of
partitions and forwards, crashes and replays: the same final windows."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any
from uuid import UUID

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from liveops.windows.state import WindowLimits
from schema.times import format_time
from schema.topics import RAW, RAW_KEYED
from tests.windows_model import Log, WindowKey, assert_equals, right_partition

LIMITS = WindowLimits(lateness_s=30.0, allowed_lateness_s=3600.0)
START_S = 1_700_000_100.0
PARTITIONS = 2
SERVICES = ("shop", "cart", "search")

values = st.integers(-4_000_000, 4_000_000).map(lambda n: n / 4)
events = st.lists(
    st.tuples(
        st.floats(0, 40),  # seconds since the event before
        st.floats(0, 25),  # seconds it comes late
        st.sampled_from(SERVICES),
        st.sampled_from(["cpu", "latency"]),
        values,
        st.booleans(),  # on the partition where it belongs
    ),
    min_size=1,
    max_size=50,
)
#: What the workers do in between: read, checkpoint, or crash in a checkpoint.
steps = st.lists(
    st.tuples(
        st.integers(0, PARTITIONS - 1),
        st.sampled_from([RAW, RAW_KEYED, RAW, RAW_KEYED, "checkpoint", "torn", "sent"]),
        st.integers(0, 30),
    ),
    max_size=30,
)
Event = tuple[float, float, str, str, float, bool]


def fill(log: Log, plan: list[Event]) -> tuple[dict[WindowKey, list[float]], float]:
    """Put the events on the log; the plain truth, and a time after all of them."""
    truth: dict[WindowKey, list[float]] = defaultdict(list)
    clock_s = START_S
    for step_s, behind_s, service, kind, value, right in plan:
        clock_s += step_s
        at_s = round(clock_s - behind_s, 3)
        item = {"service_name": service, "metric_type": kind, "value": value, "timestamp": at_s}
        home = right_partition(service, PARTITIONS)
        log.append(home if right else 1 - home, clock_s + 1.0, item)
        for name, size in (("1m", 60), ("5m", 300), ("15m", 900)):
            start = format_time(math.floor(at_s / size) * size)
            truth[(service, kind, "{}", name, start)].append(value)
    return truth, clock_s


#: An item of a record: seconds it comes late, service, metric, value.
parts = st.tuples(
    st.floats(0, 25), st.sampled_from((*SERVICES, "pay", "mail")), st.sampled_from("ab"), values
)
#: Records of several services: seconds since the one before, partition, form, items.
mixed = st.lists(
    st.tuples(
        st.floats(0, 40),
        st.integers(0, PARTITIONS),
        st.sampled_from(["list", "lines", "measurements", "telegraf"]),
        st.lists(parts, min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=20,
)
Mixed = list[tuple[float, int, str, list[tuple[float, str, str, float]]]]


def mixed_value(form: str, items: list[tuple[str, str, float, float]]) -> bytes:
    """A record of (service, metric, value, time) in one of the forms."""
    if form == "measurements":
        lines = [f"m,service={s} {m}={v!r} {round(t * 1000)}000000" for s, m, v, t in items]
        return "\n".join(lines).encode()
    if form == "telegraf":
        measured = [
            {"name": "m", "fields": {m: v}, "tags": {"service": s}, "timestamp": t}
            for s, m, v, t in items
        ]
        return orjson.dumps({"metrics": measured})
    ours = [
        {"service_name": s, "metric_type": f"m.{m}", "value": v, "timestamp": t}
        for s, m, v, t in items
    ]
    return orjson.dumps(ours) if form == "list" else b"\n".join(map(orjson.dumps, ours))


def fill_mixed(log: Log, plan: Mixed) -> tuple[dict[WindowKey, list[float]], float]:
    """Put records of several services on the log; the plain truth, and a time after all."""
    truth: dict[WindowKey, list[float]] = defaultdict(list)
    clock_s = START_S
    for step_s, partition, form, found in plan:
        clock_s += step_s
        items = [(s, m, v, round(clock_s - behind_s, 3)) for behind_s, s, m, v in found]
        log.append(partition, clock_s + 1.0, value=mixed_value(form, items))
        for service, kind, value, at_s in items:
            for name, size in (("1m", 60), ("5m", 300), ("15m", 900)):
                start = format_time(math.floor(at_s / size) * size)
                truth[(service, f"m.{kind}", "{}", name, start)].append(value)
    return truth, clock_s


def play(log: Log, todo: list[tuple[int, str, int]]) -> None:
    for number, action, count in todo:
        if action == "checkpoint":
            log.checkpoint(number)
        elif action in ("torn", "sent"):
            log.crash(number, count, sent=action == "sent")
        else:
            log.read(number, action, count)


def check(final: dict[WindowKey, dict[str, Any]], truth: dict[WindowKey, list[float]]) -> None:
    assert final.keys() == truth.keys()
    for key, numbers in truth.items():
        assert_equals(final[key], numbers)


@settings(max_examples=200, deadline=None)
@given(plan=events, todo=steps)
def test_final_windows_equal_the_plain_computation(
    plan: list[Event], todo: list[tuple[int, str, int]]
) -> None:
    log = Log(PARTITIONS, LIMITS)
    truth, end_s = fill(log, plan)
    play(log, todo)
    log.finish(end_s + 5000)
    check(log.final(), truth)
    assert not log.dirty
    assert not log.faults


@settings(max_examples=200, deadline=None)
@given(
    plan=mixed,
    todo=st.lists(
        st.tuples(
            st.integers(0, PARTITIONS),
            st.sampled_from([RAW, RAW_KEYED, RAW, RAW_KEYED, "checkpoint", "torn", "sent"]),
            st.integers(0, 12),
        ),
        max_size=40,
    ),
)
def test_records_of_several_services_count_once(
    plan: Mixed, todo: list[tuple[int, str, int]]
) -> None:
    log = Log(PARTITIONS + 1, LIMITS)
    truth, end_s = fill_mixed(log, plan)
    play(log, todo)
    log.finish(end_s + 5000)
    check(log.final(), truth)
    assert not log.dirty
    assert not log.faults


@settings(max_examples=60, deadline=None)
@given(plan=events, chunk=st.integers(1, 50))
def test_the_split_into_chunks_does_not_matter(plan: list[Event], chunk: int) -> None:
    finals = []
    for size in (1, chunk):
        log = Log(1, LIMITS)
        clock_s = START_S
        for step_s, behind_s, service, kind, value, _ in plan:
            clock_s += step_s
            item = {"service_name": service, "metric_type": kind, "value": value}
            log.append(0, clock_s + 1.0, item | {"timestamp": clock_s - behind_s})
        for _ in range(0, len(plan), size):
            log.read(0, RAW, size)
        closed_by_then = log.owners[0].windows.state.services[plan[0][2]].watermark_s
        log.finish(clock_s + 5000)
        rounded = {
            key: {k: v for k, v in got.items() if k not in ("mean", "stddev", "revision")}
            for key, got in log.final().items()
        }
        finals.append((closed_by_then // 60, rounded))
    assert finals[0] == finals[1]


@settings(max_examples=150, deadline=None)
@given(
    plan=events,
    todo=st.lists(st.tuples(st.integers(1, 8), st.none() | st.integers(0, 12)), max_size=20),
)
def test_a_checkpoint_torn_anywhere_loses_and_doubles_nothing(
    plan: list[Event], todo: list[tuple[int, int | None]]
) -> None:
    log = Log(1, LIMITS)
    truth: dict[WindowKey, list[float]] = defaultdict(list)
    for at, (_, behind_s, _, kind, value, given_id) in enumerate(plan):
        at_s = START_S + 4 * at - behind_s
        item: dict[str, Any] = {"service_name": "shop", "metric_type": kind, "value": value}
        item |= {"timestamp": at_s}
        if given_id:
            item["id"] = str(UUID(int=at))
        log.append(0, START_S + 4 * at + 1, item)
        if given_id:
            log.append(0, START_S + 4 * at + 1, item)  # a client that tried again
        for name, size in (("1m", 60), ("5m", 300), ("15m", 900)):
            start = format_time(math.floor(at_s / size) * size)
            truth[("shop", kind, "{}", name, start)].append(value)
    for count, writes in todo:
        log.read(0, RAW, count)
        if writes is None:
            log.checkpoint(0)
        else:
            log.crash(0, writes)
    log.finish(START_S + 10_000)
    check(log.final(), truth)
