"""Properties of the ensemble: causal, the same in any company, stored and taken up again."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from liveops.detection import ensemble, stored
from liveops.detection.alone import Alone
from liveops.detection.bank import Bank, empty_bank

STEP_S = 300.0
Floats = NDArray[np.float64]


@dataclass
class Told:
    """What came of one window."""

    surprise: float
    alarm: bool
    expected: float


def times(count: int) -> Floats:
    return 1_700_000_000.0 + STEP_S * np.arange(count, dtype=np.float64)


def signal(seed: int, count: int) -> Floats:
    """Noise with a burst and a step, so that every path is taken."""
    generator = np.random.default_rng(seed)
    values = 100 + 5 * generator.standard_normal(count)
    values[count // 2 : count // 2 + 4] += 80
    values[3 * count // 4 :] += 40
    return values


def told(bank: Bank, row: int, values: Floats, begin: int = 0) -> list[Told]:
    rows = np.array([row])
    at = times(begin + len(values))[begin:]
    found = []
    for time_s, value in zip(at, values, strict=True):
        verdict = ensemble.judge(bank, rows, np.array([time_s]), np.array([value]))
        found.append(
            Told(float(verdict.surprise[0]), bool(verdict.alarm[0]), float(verdict.expected[0]))
        )
    return found


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 99), st.integers(1, 299))
def test_a_window_does_not_depend_on_later_ones(seed: int, cut: int) -> None:
    values = signal(seed, 300)
    changed = values.copy()
    changed[cut:] = 1e9
    whole = told(empty_bank(1, STEP_S), 0, values)
    assert told(empty_bank(1, STEP_S), 0, changed)[:cut] == whole[:cut]


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 99))
def test_series_of_one_chunk_do_not_touch_each_other(seed: int) -> None:
    many = empty_bank(3, STEP_S)
    lines = [signal(seed + k, 200) for k in range(3)]
    rows = np.arange(3)
    together = [
        ensemble.judge(many, rows, np.full(3, at), np.array([line[i] for line in lines]))
        for i, at in enumerate(times(200))
    ]
    for row, line in enumerate(lines):
        alone = told(empty_bank(1, STEP_S), 0, line)
        assert [v.alarm[row] for v in together] == [v.alarm for v in alone]
        np.testing.assert_allclose(
            [v.surprise[row] for v in together], [v.surprise for v in alone], rtol=1e-9
        )


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 99), st.integers(1, 299))
def test_stored_state_goes_on_where_it_stopped(seed: int, cut: int) -> None:
    values = signal(seed, 300)
    whole = told(empty_bank(1, STEP_S), 0, values)
    first = empty_bank(1, STEP_S)
    before = told(first, 0, values[:cut])
    second = empty_bank(4, STEP_S)
    stored.decode_into(second, 2, stored.encode(first, 0))
    assert before + told(second, 2, values[cut:], cut) == whole


def test_state_of_another_step_is_refused() -> None:
    value = stored.encode(empty_bank(1, STEP_S), 0)
    with pytest.raises(msgspec.ValidationError):
        stored.decode_into(empty_bank(1, 60.0), 0, value)


@pytest.mark.parametrize("factor", [2.0**-12, 2.0**10])
def test_the_unit_of_a_series_does_not_matter(factor: float) -> None:
    # Not whole in either unit, so that no count's floor is taken.
    values = np.round(signal(3, 400)) + 1 / 4096.5
    plain = told(empty_bank(1, STEP_S), 0, values)
    scaled = told(empty_bank(1, STEP_S), 0, values * factor)
    assert any(one.alarm for one in plain)
    assert [v.alarm for v in scaled] == [v.alarm for v in plain]
    np.testing.assert_allclose(
        [v.surprise for v in scaled], [v.surprise for v in plain], rtol=1e-6, atol=1e-9
    )


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), min_size=30, max_size=60)
)
def test_any_numbers_give_numbers(values: list[float]) -> None:
    series = Alone()
    for at, value in zip(times(len(values)), values, strict=True):
        verdicts = series.judge(float(at), value)
        if verdicts is not None:
            assert np.isfinite(verdicts.surprise).all()
            assert np.isfinite(verdicts.expected).all()
            assert 0 <= ensemble.score(verdicts)[0] <= 1
