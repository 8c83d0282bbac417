"""Which windows answer a question, which rollups are stale, and how longer windows are made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from liveops.window_query.downsampling import by_time
from liveops.window_query.merging import merge
from liveops.window_query.resolution import window_for
from liveops.window_query.stale import DAY_S, HOUR_S, Stale, spans
from liveops.windows.buckets import CODE_BITS, keys_of, packs, unpack
from schema.times import format_time

DAY, KEPT = 86_400.0, 90 * 86_400.0


@pytest.mark.parametrize(
    ("asked", "span_s", "age_s", "points", "expected"),
    [
        ("auto", 3600.0, 3600.0, 500, "1m"),
        ("auto", 500 * 60.0, 500 * 60.0, 500, "1m"),
        ("auto", 500 * 60.0 + 1, 500 * 60.0, 500, "5m"),
        ("auto", DAY, DAY, 96, "15m"),
        ("auto", 7 * DAY, 7 * DAY, 500, "1h"),
        ("auto", 365 * DAY, 365 * DAY, 500, "1d"),
        ("auto", 365 * DAY, 365 * DAY, 5, "1d"),
        ("auto", 3600.0, KEPT + 1, 500, "1h"),  # minutes of then are gone
        ("5m", 3600.0, 3600.0, 500, "5m"),
        ("1d", 3600.0, 3600.0, 500, "1d"),
        ("15m", 30 * DAY, 30 * DAY, 1000, "1h"),
    ],
)
def test_the_shortest_window_that_gives_few_enough_points(
    asked: str, span_s: float, age_s: float, points: int, expected: str
) -> None:
    assert window_for(asked, span_s, age_s, KEPT, points) == expected


def test_neighbours_are_one_span() -> None:
    places = {("b", 0), ("a", HOUR_S), ("a", 0), ("a", 3 * HOUR_S)}
    assert spans(places, HOUR_S) == [
        ("a", 0, 2 * HOUR_S), ("a", 3 * HOUR_S, 4 * HOUR_S), ("b", 0, HOUR_S),
    ]  # fmt: skip


def test_a_day_is_stale_with_its_hours() -> None:
    stale = Stale()
    stale.add_hour("a", DAY_S + HOUR_S)
    stale.add_day("b", 0)
    assert stale.of("1d") == {("a", DAY_S), ("b", 0)}
    assert len(stale.of("1h")) == 25


def quarter(number: int, *, final: bool, count: int = 90) -> dict[str, Any]:
    start_s = 900 * number
    elapsed_s = 900 if final else 300
    return {
        "service_name": "a", "metric_type": "m", "tags": {}, "kind": "delta",
        "start": format_time(start_s), "end": format_time(start_s + 900), "count": count,
        "sum": float(count), "min": 1.0, "max": 1.0, "mean": 1.0, "stddev": 0.0,
        "rate": count / elapsed_s, "final": final, "revision": number, "increase": float(count),
        "histogram": {"p": [0, count], "n": [], "z": 0},
    }  # fmt: skip


def test_an_hour_grows_with_its_quarters_and_is_final_when_it_is_over() -> None:
    parts = [quarter(0, final=True), quarter(1, final=False, count=30)]
    (growing,) = by_time(parts, 3600, 1200.0)
    assert (growing["count"], growing["final"], growing["revision"]) == (120, False, 1)
    assert (growing["rate"], growing["rate_per_s"]) == (120 / 1200, 120 / 1200)
    (early,) = by_time(parts[:1], 3600, 3599.0)
    assert (early["final"], early["rate"]) == (False, 90 / 900)
    (over,) = by_time(parts[:1], 3600, 3600.0)
    assert (over["final"], over["rate"], over["increase"]) == (True, 90 / 3600, 90.0)


def test_windows_without_buckets_are_left_out() -> None:
    opened = quarter(0, final=False)
    del opened["histogram"]
    assert by_time([opened], 3600, 0.0) == []


def test_more_values_than_a_packed_count_holds_are_kept() -> None:
    many = 3 * (1 << 32) + 5
    window = quarter(0, final=True) | {"count": many, "sum": float(many), "rate": 1.0}
    window["histogram"] = {"p": [0, many, 7, 1], "n": [], "z": 0}
    sketch = merge([[window]], sketches=True).sketches[0]
    keys, counts = unpack(sketch, 0)
    assert {int(k): int(counts[keys == k].sum()) for k in np.unique(keys)} == dict(
        zip(*(part.tolist() for part in keys_of(window["histogram"], 0)), strict=True)
    )
    again = merge([[window | {"sketch": sketch}]], sketches=True).sketches[0]
    assert again == sketch
    assert packs(keys << 0, counts, np.zeros(1, np.int64)) == [sketch]
    assert int(keys.max()) < 1 << CODE_BITS
