"""Shape novelty against the plain definition, also after its memory has been moved."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from liveops.detection import novelty
from liveops.detection.novelty import LENGTHS, RUNS, Shapes

Floats = NDArray[np.float64]


def by_definition(past: Floats, length: int) -> float:
    """Distance of the last run to the nearest of the runs before that do not overlap it."""
    runs = np.lib.stride_tricks.sliding_window_view(past, length)
    earlier = runs[:-length][-RUNS:]
    return float(np.sqrt(((earlier - runs[-1]) ** 2).sum(axis=1).min()))


@pytest.mark.parametrize("count", [36, 37, 500, 4023, 4024, 4025, 5047, 5048, 5049, 6500])
def test_the_nearest_run_is_that_of_the_definition(count: int) -> None:
    values = np.round(1e6 + 50 * np.random.default_rng(count).standard_normal(count), 2)
    shapes = Shapes.empty(1)
    for value in values[:-1].tolist():
        novelty.remember(shapes, 0, value)
    past = novelty.remember(shapes, 0, float(values[-1]))
    for length, found in zip(LENGTHS, novelty.nearest(past), strict=True):
        assert found == pytest.approx(by_definition(values, length), rel=1e-5, abs=1e-3)


def test_too_few_windows_are_not_compared() -> None:
    found = novelty.nearest(np.arange(20, dtype=np.float32))
    assert [np.isnan(one) for one in found] == [False, False, True, True]


def test_a_series_that_never_moved_is_at_no_distance() -> None:
    assert novelty.nearest(np.full(100, 7.0, dtype=np.float32)) == [0.0] * len(LENGTHS)
