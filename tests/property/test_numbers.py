"""Figures of windows over the whole range of doubles: finite, ordered, and right where exact."""

from __future__ import annotations

import math
import sys

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from liveops.windows.block import Block

DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
SAMPLES = st.lists(DOUBLES, min_size=1, max_size=6)
ONE = np.zeros(1, np.int64)
MOST = sys.float_info.max


def block_of(values: list[float]) -> Block:
    block, count = Block(), len(values)
    block.add(np.zeros(count, np.int64), np.array(values), np.zeros(count))
    return block


def check(block: Block, values: list[float]) -> None:
    (figures,), _ = block.points(ONE, 60.0)
    count, _, low, high, mean, stddev, p50, p95, p99, _ = figures
    assert all(map(math.isfinite, figures))
    assert (count, low, high) == (len(values), min(values), max(values))
    slack = 1e-9 * max(abs(low), abs(high))
    assert low - slack <= mean <= high + slack
    assert low <= p50 <= p95 <= p99 <= high
    assert 0 <= stddev <= high / 2 - low / 2 + slack
    if min(values) == max(values):
        assert stddev <= slack


@example([1.7e308], [])
@example([-1e200], [1.0])
@example([1.7e308, 1.7e308], [1.7e308])
@example([MOST, -MOST], [MOST])
@given(SAMPLES, st.lists(DOUBLES, max_size=6))
def test_of_any_values_added_and_merged(some: list[float], others: list[float]) -> None:
    block = block_of(some)
    check(block, some)
    if others:
        block.merge(block_of(others))
        check(block, some + others)
    whole = Block()
    for value in some + others:
        whole.merge(block_of([value]))
    check(whole, some + others)


@given(DOUBLES)
def test_one_value_does_not_deviate(value: float) -> None:
    (figures,), _ = block_of([value]).points(ONE, 60.0)
    assert figures[5] == 0.0
    merged = Block()
    merged.merge(block_of([value]))
    (figures,), _ = merged.points(ONE, 60.0)
    assert (figures[4], figures[5]) == (value, 0.0)
