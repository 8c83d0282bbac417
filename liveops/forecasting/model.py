"""One forecast, run in the fitting process."""

from __future__ import annotations

import os
import signal

_LEVEL = 95
_NORMAL_95 = 1.96
_NICE = 10


def begin() -> None:
    """Initialise the fitting process: low priority, ends with its parent, not by Ctrl-C."""
    os.nice(_NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def predict(values: tuple[float, ...], horizon: int) -> list[tuple[float, float]]:
    """(expected, deviation) of the next `horizon` values.

    AutoTheta: Fiorucci et al., "Models for optimising the theta method and their
    relationship to state space models", IJF 32(4), 2016. Raises ValueError when the model
    gives no finite answer.
    """
    if min(values) == max(values):
        return [(values[-1], 0.0)] * horizon
    # Imported here: it takes seconds and only this process needs it.
    import numpy as np
    from statsforecast.models import AutoTheta

    series = np.asarray(values, dtype=np.float64)
    forecast = AutoTheta(season_length=1).forecast(y=series, h=horizon, level=[_LEVEL])
    sigma = (forecast[f"hi-{_LEVEL}"] - forecast["mean"]) / _NORMAL_95
    if not (np.isfinite(forecast["mean"]).all() and np.isfinite(sigma).all()):
        raise ValueError("the forecast is not finite")
    return [(float(m), max(0.0, float(s))) for m, s in zip(forecast["mean"], sigma, strict=True)]
