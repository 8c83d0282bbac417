"""The arithmetic from readings to figures and ratios."""

from __future__ import annotations

import os
from typing import Any

import pytest

from liveops.bench.plan import Plan, Scenario
from liveops.bench.readings import (
    QUIET_LOOKS,
    Reading,
    began_s,
    counter,
    cpu_per_million,
    cpu_seconds,
    ended_s,
    is_quiet,
    resident_mb,
)
from liveops.bench.report import Figures, document, ratios, table
from liveops.bench.throughput import Result
from liveops.bench.visibility import Visibility


def look(at_s: float, folded: float, written: int = 0, cpu_s: float = 0.0) -> Reading:
    return Reading(at_s, folded, folded, written, cpu_s)


def test_the_begin_is_extended_backwards_between_two_looks() -> None:
    steady = [look(10.0, 0), look(10.5, 200), look(11.0, 700), look(11.5, 1000)]
    assert began_s(steady, 8.0) == pytest.approx(10.3)


def test_the_begin_is_never_before_the_look_that_saw_nothing() -> None:
    assert began_s([look(10.0, 0), look(10.5, 900), look(11.0, 1000)], 8.0) == 10.0
    assert began_s([look(10.5, 1000)], 8.0) == 8.0


def test_the_end_is_when_all_is_folded_and_written() -> None:
    looks = [look(10.0, 500), look(10.5, 900), look(11.0, 1000)]
    assert ended_s(looks, 1000, 10.8) == 10.8
    assert ended_s(looks, 1000, 10.2) == 10.5


def test_quiet_needs_everything_folded_and_seconds_without_output() -> None:
    looks = [look(10.0, 900, 9)]
    for number in range(QUIET_LOOKS):
        assert not is_quiet(looks, 1000)
        looks.append(look(10.5 + number / 2, 1000, 9))
    assert is_quiet(looks, 1000)
    assert not is_quiet(looks, 1001)


def test_cpu_is_counted_to_the_end_of_output_and_no_further() -> None:
    looks = [
        look(10.0, 0, 0, 3.0),
        look(10.5, 200_000, 1, 3.5),
        look(11.0, 700_000, 5, 4.0),
        look(11.5, 700_000, 9, 4.5),
        look(12.0, 700_000, 9, 9.0),
    ]
    assert cpu_per_million(looks) == pytest.approx(2.0)


def test_counters_are_read_from_prometheus_text() -> None:
    text = '# HELP a_total x\na_total 12.0\na_total_created 9\nb_total{x="1"} 3.0\n'
    assert counter(text, "a_total") == 12.0
    assert counter(text, "c_total") == 0.0
    assert counter(text, 'b_total{x="1"}') == 3.0


def test_our_own_use_can_be_read_where_there_is_proc() -> None:
    spent_s, held_mb = cpu_seconds(os.getpid()), resident_mb(os.getpid())
    assert spent_s is None or spent_s > 0
    assert held_mb is None or 10 < held_mb < 10_000


def result(speed: float, **more: object) -> Result:
    given: dict[str, Any] = {
        "cpu_s_per_million": 10.0,
        "start_up_s": 3.0,
        "windows": 3800,
        "resident_mb": 150.4,
        "restart_s": 4.21,
    }
    return Result(speed, **(given | more))


def test_ratios_are_against_the_mean_of_the_baselines_around_the_worker() -> None:
    figures = Figures(
        single=result(90.0, raw=[100.0, 140.0], raw_cut=180.0, stock=3.0),
        batch=result(180.0, raw=[1.0, 1.0]),
        miskeyed=result(30.0, raw=[90.0, 110.0]),
        garbage=result(36.0),
        counters=result(72.0),
        series={
            100: [result(9.0, cpu_s_per_million=7.0), result(9.0, cpu_s_per_million=9.0)],
            10_000: [result(5.0, cpu_s_per_million=12.0)],
        },
    )
    assert ratios(figures) == {
        "raw": 0.75,
        "raw_cut": 0.5,
        "stock": 30.0,
        "batch": 2.0,
        "half_garbage": 0.8,
        "counters": 0.8,
        "miskeyed": 0.3,
        "series_cpu": 1.5,
    }


def test_memory_and_restart_are_told_of_each_run() -> None:
    figures = Figures(batch=result(9.0, raw=[1.0]), series={100: [result(5.0, resident_mb=None)]})
    found = document(figures, {}, {})
    assert found["restart_s"] == {"batch": 4.2, "100_series": 4.2}
    assert found["resident_mb"] == {"batch": 150}
    assert found["cpu_s_per_million_events"] == {"batch": 10.0, "100_series": 10.0}


def test_what_did_not_run_is_absent() -> None:
    found = document(Figures(age_ms={"1s": {"window_p99": 900.0}}), {}, {})
    assert found["ratios"] == {}
    assert found["events_per_s"] == {}
    assert found["age_ms"] == {"1s": {"window_p99": 900.0}}
    assert table(found).row_count == 1


def test_the_archive_is_told_in_rows_a_second() -> None:
    assert document(Figures(archive=61_234.4), {}, {})["events_per_s"] == {"archive": 61_234}


def test_batch_brings_single_with_it() -> None:
    assert Plan(only=(Scenario.batch,)).scenarios == {Scenario.batch, Scenario.single}
    assert Plan(only=(Scenario.age,)).scenarios == {Scenario.age}
    assert Plan().scenarios == set(Scenario)


def test_an_event_is_seen_with_the_first_window_that_counts_it() -> None:
    seen = Visibility(warm_s=100.5)
    for time_s in (100.0, 101.0, 102.0):
        seen.on_sent("a", "m", time_s)
    minute = ("a", "m", 60)
    seen.on_minute(minute, 2, 103.0)
    assert seen.event_ms == [2000.0]  # the first was sent during the warm-up
    assert seen.unseen == 1
    seen.on_minute(minute, 2, 104.0)
    seen.on_minute(minute, 3, 104.0)
    assert seen.event_ms == [2000.0, 2000.0]
    assert seen.unseen == 0
    seen.on_minute(("b", "m", 60), 7, 104.0)
    assert seen.unseen == 0
