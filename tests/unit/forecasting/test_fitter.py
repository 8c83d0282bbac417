"""Forecasts are fitted in another process and handed back."""

from __future__ import annotations

import asyncio

import pytest

from liveops.detection.forecast import HORIZON, FitRequest
from liveops.forecasting.fitter import Fitter
from tests.aggregates import quiet

Prediction = list[tuple[float, float]]


def request(values: list[float], series: str = "latency_ms") -> FitRequest:
    return FitRequest("svc", series, "1m/mean", 0, 60, tuple(values))


async def test_a_fit_comes_back_and_a_bad_one_does_not_stop_the_next() -> None:
    done: asyncio.Queue[tuple[FitRequest, Prediction]] = asyncio.Queue()
    fitter = Fitter(lambda asked, predicted: done.put_nowait((asked, predicted)))
    await fitter.start()
    try:
        bad, good = request([], "bad"), request(quiet(60))
        for order in (bad, good, good):
            fitter.order(order)
        asked, predicted = await asyncio.wait_for(done.get(), 60)
        assert asked == good
        assert len(predicted) == HORIZON
        assert predicted[0][0] == pytest.approx(100, rel=0.05)
        assert all(sigma > 0 for _, sigma in predicted)
        fitter.order(request([5.0] * 30, "constant"))
        _, constant = await asyncio.wait_for(done.get(), 60)
        assert constant == [(5.0, 0.0)] * HORIZON
    finally:
        await fitter.stop()
