"""The generated records: contract metrics, in order, every window complete."""

from __future__ import annotations

from collections import Counter

import orjson
import pytest

from liveops.bench.raw import MinuteOf, Minutes, aggregate, cut_minute, read_minute
from liveops.bench.records import GARBAGE, QUARTER_S, Load, Shape, make, span
from liveops.kafka.partitioning import partition_of
from schema.metrics import Metric, read_metric
from schema.times import format_time

NOW_S = 1_700_000_000.0
START_S, END_S = span(NOW_S)


def metrics_of(load: Load) -> list[Metric]:
    found = []
    for _, value in make(load):
        plain = orjson.loads(value)
        service = plain["service_name"]
        for item in plain.get("metrics", [plain]):
            found.append(read_metric({"service_name": service} | item, NOW_S, 86_400.0))
    return found


def test_the_span_is_whole_windows_with_room_for_the_closers() -> None:
    for second in range(0, 2000, 7):
        start_s, end_s = span(NOW_S + second)
        assert end_s % QUARTER_S == 0
        assert end_s - start_s == QUARTER_S
        assert NOW_S + second - 960 <= end_s <= NOW_S + second - 60


@pytest.mark.parametrize("per_record", [1, 100])
def test_every_event_is_a_metric_in_its_span_and_in_order(per_record: int) -> None:
    load = Load(10_000, START_S, END_S, per_record=per_record)

    metrics = metrics_of(load)

    events = [metric for metric in metrics if metric.timestamp_s < END_S]
    assert len(metrics) == load.metrics
    assert len(events) == load.events
    assert events[0].timestamp_s == START_S
    for service in {metric.service_name for metric in metrics}:
        times = [metric.timestamp_s for metric in metrics if metric.service_name == service]
        assert times == sorted(times)
    assert len({(metric.service_name, metric.series) for metric in events}) == load.shape.series
    assert {metric.timestamp_s // 60 * 60 for metric in events} == set(range(START_S, END_S, 60))


def test_each_service_ends_with_one_closer_past_the_lateness() -> None:
    load = Load(1_000, START_S, END_S, Shape(5, 2))

    closers = [metric for metric in metrics_of(load) if metric.timestamp_s >= END_S]

    assert Counter(metric.service_name for metric in closers) == {
        load.shape.service(number): 1 for number in range(5)
    }
    assert all(END_S + 10 < metric.timestamp_s <= NOW_S for metric in closers)


def test_half_of_a_load_with_garbage_is_none() -> None:
    plain = [value for _, value in make(Load(1_000, START_S, END_S))]
    values = [value for _, value in make(Load(1_000, START_S, END_S, garbage=True))]
    assert [value for value in values if value != GARBAGE] == plain
    assert values.count(GARBAGE) == 1_000


def test_misplaced_records_are_on_a_wrong_partition_of_their_own() -> None:
    load = Load(1_000, START_S, END_S, misplaced=True)
    for number in range(load.shape.services):
        name = load.shape.service(number)
        assert load.partition(name, 8) != partition_of(name, 8)
        assert 0 <= load.partition(name, 8) < 8


@pytest.mark.parametrize("minute_of", [read_minute, cut_minute])
def test_the_raw_baseline_counts_what_was_made(minute_of: MinuteOf) -> None:
    load = Load(2_000, START_S, END_S, Shape(5, 2), per_record=100)
    minutes: Minutes = {}

    counted = sum(aggregate(minutes, value, minute_of) for _, value in make(load))

    values = [metric.value for metric in metrics_of(load)]
    assert counted == load.metrics == sum(held[0] for held in minutes.values())
    assert sum(held[1] for held in minutes.values()) == pytest.approx(sum(values))
    assert min(held[2] for held in minutes.values()) == min(values)
    assert max(held[3] for held in minutes.values()) == max(values)
    assert {minute for _, _, minute in minutes} == {
        minute_of(format_time(start_s)) for start_s in (*range(START_S, END_S, 60), END_S)
    }
