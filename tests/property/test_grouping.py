"""Windows merged by a tag are as if their values had come in one series."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveops.window_query.grouping import group_by
from liveops.window_query.merging import WindowJson
from liveops.windows.block import Block
from liveops.windows.buckets import Ints, histograms, packs
from schema.metrics import POINT_FIELDS
from schema.times import format_time

ROWS: Ints = np.zeros(1, np.int64)
VALUES = st.lists(
    st.one_of(st.just(0.0), st.floats(-1e9, 1e9, allow_subnormal=False)), min_size=1, max_size=8
)
#: A series' zone, metric type, minute, values and whether its window is closed.
SERIES = st.tuples(
    st.sampled_from(["", "a", "b"]), st.sampled_from(["m", "n"]), st.integers(0, 1), VALUES,
    st.booleans(),
)  # fmt: skip


def block_of(values: list[float]) -> Block:
    block = Block()
    block.add(np.zeros(len(values), np.int64), np.array(values), np.zeros(len(values)))
    return block


def window_of(
    pod: int, zone: str, metric_type: str, minute: int, values: list[float], final: bool
) -> WindowJson:
    block = block_of(values)
    (figures,), _ = block.points(ROWS, 60.0)
    tags = {"pod": str(pod)} | ({"zone": zone} if zone else {})
    window: WindowJson = dict(zip(POINT_FIELDS, figures, strict=False)) | {
        "metric_type": metric_type, "tags": tags, "final": final, "revision": pod,
        "start": format_time(60 * minute), "end": format_time(60 * minute + 60),
    }  # fmt: skip
    if metric_type == "m":  # of counters
        window |= {"increase": values[0], "rate_per_s": values[0] / 60}
    form = ("histogram", histograms) if final else ("sketch", packs)
    window[form[0]] = form[1](*block.buckets(), ROWS)[0]
    return window


@settings(max_examples=60)
@given(st.lists(SERIES, max_size=12))
def test_a_group_is_the_window_of_all_its_values(series: list[tuple[Any, ...]]) -> None:
    expected: dict[tuple[str, str, int], list[int]] = {}
    for number, (zone, metric_type, minute, *_) in enumerate(series):
        expected.setdefault((metric_type, zone, minute), []).append(number)
    given_out = group_by([window_of(pod, *item) for pod, item in enumerate(series)], "zone", 60)
    assert len(given_out) == len(expected)
    for window, (group, pods) in zip(given_out, sorted(expected.items()), strict=True):
        metric_type, zone, minute = group
        assert (window["metric_type"], window["tags"], window["start"], window["revision"]) == (
            metric_type, {"zone": zone} if zone else {}, format_time(60 * minute), max(pods),
        )  # fmt: skip
        assert window["final"] is all(series[pod][4] for pod in pods)
        values = [value for pod in pods for value in series[pod][3]]
        (figures,), _ = block_of(values).points(ROWS, 60.0)
        found = [window[name] for name in POINT_FIELDS[: len(figures)]]
        size = max(abs(value) for value in values)
        np.testing.assert_allclose(found, figures, rtol=1e-9, atol=1e-7 * size)
        rounding = 1e-12 * size  # a mean is a sum divided
        assert window["min"] - rounding <= window["mean"] <= window["max"] + rounding
        grown = math.fsum(series[pod][3][0] for pod in pods) if metric_type == "m" else None
        assert window["increase"] == (grown if grown is None else pytest.approx(grown, abs=1e-6))
        assert window["rate_per_s"] == (
            None if grown is None else pytest.approx(grown / 60, abs=1e-6)
        )


def test_numbers_beyond_a_double_become_the_largest() -> None:
    windows = [window_of(pod, "a", "m", 0, [1.7e308], final=True) for pod in range(3)]
    (window,) = group_by(windows, "zone", 60)
    assert (window["sum"], window["mean"], window["stddev"]) == (1.7976931348623157e308, 1.7e308, 0)


def test_open_windows_without_a_sketch_are_left_out() -> None:
    window = window_of(0, "a", "m", 0, [1.0], final=False)
    del window["sketch"]
    assert group_by([window], "zone", 60) == []
