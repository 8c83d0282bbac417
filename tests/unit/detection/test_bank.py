"""Rows of a bank: made room for, made new, and how much memory they take."""

from __future__ import annotations

import numpy as np

from liveops.detection import arrays, ensemble, stored
from liveops.detection.bank import Bank, clear_row, empty_bank, grow_bank

STEP_S = 60.0


def fed(bank: Bank, rows: int, windows: int, seed: int = 1) -> None:
    random = np.random.default_rng(seed)
    for window in range(windows):
        at = np.full(rows, 1_700_006_400.0 + STEP_S * window)
        ensemble.judge(bank, np.arange(rows), at, 100 + random.standard_normal(rows))


def test_a_bank_that_grew_goes_on_as_one_that_was_large_enough() -> None:
    small, large = empty_bank(3, STEP_S), empty_bank(7, STEP_S)
    fed(small, 3, 50)
    fed(large, 3, 50)
    grow_bank(small, 7)
    fed(small, 7, 50, seed=2)
    fed(large, 7, 50, seed=2)
    for row in range(7):
        assert stored.encode(small, row) == stored.encode(large, row)


def test_growing_doubles_and_never_shrinks() -> None:
    bank = empty_bank(10, STEP_S)
    grow_bank(bank, 5)
    assert len(bank.count) == 10
    grow_bank(bank, 11)
    assert {len(array) for array in arrays.every(bank)} == {20}


def test_a_cleared_row_is_as_new_and_the_others_stay() -> None:
    bank = empty_bank(3, STEP_S)
    fed(bank, 3, 100)
    before = [stored.encode(bank, row) for row in range(3)]
    clear_row(bank, 1)
    fresh = stored.encode(empty_bank(1, STEP_S), 0)
    assert [stored.encode(bank, row) for row in range(3)] == [before[0], fresh, before[2]]


def test_a_series_of_a_minute_takes_less_than_40_kilobytes() -> None:
    bank = empty_bank(10, STEP_S)
    assert sum(array.nbytes for array in arrays.every(bank)) < 10 * 40_000
