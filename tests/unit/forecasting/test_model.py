"""One fit: a season goes on, and what cannot be foreseen is refused."""

from __future__ import annotations

import numpy as np
import pytest

from liveops.detection.forecast import HORIZON, History
from liveops.detection.tails import Floats, Ints
from liveops.forecasting.model import fit
from liveops.forecasting.process import FittingProcess

START_S, POINT_S, DAY = 1_700_006_400.0, 900.0, 96


def truth(place: Ints) -> Floats:
    return np.asarray(100 + 50 * np.sin(2 * np.pi * place / DAY), dtype=np.float64)


def history(days: int, noise: float = 2.0, season_s: float = 86_400.0) -> History:
    place = np.arange(days * DAY)
    random = np.random.default_rng(5)
    points = truth(place) + random.normal(0.0, noise, len(place)).astype(np.float64)
    newest = slice(-DAY, None)
    time_s = (START_S + POINT_S * place).astype(np.float64)
    return History(POINT_S, START_S, points, time_s[newest], points[newest], POINT_S, season_s)


def test_a_season_goes_on_for_two_days_with_honest_errors() -> None:
    found = fit(history(10))
    assert found.start_s == START_S + (10 * DAY - 1) * POINT_S
    assert len(found.points) == HORIZON
    expected = truth(np.arange(10 * DAY - 1, 10 * DAY - 1 + HORIZON))
    assert np.abs(found.points - expected).mean() < 4.0
    assert 0.5 < np.median(found.errors) < 4.0


def test_gaps_are_drawn_over_and_a_wild_point_is_pulled_in() -> None:
    some = history(10)
    some.points[200:260] = np.nan
    some.points[300] = 1e9
    found = fit(some)
    assert np.abs(found.points).max() < 300.0


@pytest.mark.parametrize("days", [0, 1, 2])
def test_too_short_a_past_is_refused(days: int) -> None:
    with pytest.raises(ValueError, match=r"too short|too many gaps"):
        fit(history(days))


def test_what_is_constant_or_mostly_missing_is_refused() -> None:
    constant, missing = history(10), history(10)
    constant.points[:] = 5.0
    missing.points[: 6 * DAY] = np.nan
    for one, why in ((constant, "constant"), (missing, "gaps")):
        with pytest.raises(ValueError, match=why):
            fit(one)


async def test_the_process_fits_and_a_bad_one_does_not_stop_the_next() -> None:
    process = FittingProcess()
    try:
        assert await process.fit(history(1)) is None
        found = await process.fit(history(5))
        assert found is not None
        assert len(found.points) == HORIZON
    finally:
        process.close()
