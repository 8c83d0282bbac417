"""Healthy series that nobody wants to hear of, and lasting steps that somebody does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.random import Generator

from tests.quality.series import Floats, Line, surprises

DAY_S = 86_400.0
START_S = 1_700_006_400.0
Maker = Callable[[Generator, Floats], Floats]


def _season(time_s: Floats) -> Floats:
    return 1 + 0.5 * np.sin(2 * np.pi * (time_s % DAY_S) / DAY_S)


def _bursty(random: Generator, time_s: Floats) -> Floats:
    """Bursts of some minutes every few hours."""
    step_s = time_s[1] - time_s[0]
    value = 50 * (1 + 0.1 * random.standard_normal(len(time_s)))
    at = int(random.exponential(4 * 3600 / step_s))
    while at < len(value):
        length = 1 + int(random.exponential(900 / step_s))
        value[at : at + length] += 100 * random.lognormal(0, 0.5)
        at += 1 + int(random.exponential(4 * 3600 / step_s))
    return value


def _counter(random: Generator, time_s: Floats) -> Floats:
    """Grows with the day and begins anew each week or so."""
    grown = np.cumsum(random.poisson(20 * _season(time_s))).astype(np.float64)
    period = (time_s - time_s[0]) // (7.3 * DAY_S)
    for one in np.unique(period)[1:]:
        first = int(np.argmax(period == one))
        grown[first:] -= grown[first]
    return grown


KINDS: dict[str, Maker] = {
    "normal": lambda r, t: 100 + 5 * r.standard_normal(len(t)),
    "seasonal": lambda r, t: 200 * _season(t) * (1 + 0.05 * r.standard_normal(len(t))),
    "seasonal counts": lambda r, t: r.poisson(20 * _season(t)).astype(np.float64),
    "bursty": _bursty,
    "log-normal": lambda r, t: 50 * r.lognormal(0, 0.7, len(t)),
    "Student t, 3": lambda r, t: 100 + 5 * r.standard_t(3, len(t)),
    "sparse": lambda r, t: np.where(r.random(len(t)) < 0.01, r.integers(1, 6, len(t)), 0.0),
    "always zero": lambda r, t: np.zeros(len(t)),
    "counter": _counter,
}


def rows(days: int, seeds: int) -> Iterator[str]:
    """Alarms a series-month of each kind, on 1- and 5-minute windows."""
    for step_s in (60.0, 300.0):
        time_s = START_S + step_s * np.arange(int(days * DAY_S / step_s), dtype=np.float64)
        lines = [
            Line(f"{kind}/{seed}", kind, time_s, make(np.random.default_rng(seed), time_s))
            for kind, make in KINDS.items()
            for seed in range(seeds)
        ]
        found = surprises(lines)
        for kind in KINDS:
            alarms = [int((found[f"{kind}/{seed}"] > 0).sum()) for seed in range(seeds)]
            month = 30 / days * float(np.mean(alarms))
            yield f"{kind:20}{step_s:6.0f} s{month:8.2f}   each: {alarms}"


def steps(series: int = 60) -> Iterator[str]:
    """Share of lasting steps found in time."""
    for deviations, within in ((5, 3), (3, 10)):
        for step_s in (60.0, 300.0, 3600.0):
            windows = 1500
            time_s = START_S + step_s * np.arange(windows, dtype=np.float64)
            random = np.random.default_rng(11)
            values = 100 + 5 * random.standard_normal((series, windows))
            values[:, -20:] += 5 * deviations
            lines = [Line(str(k), "", time_s, row) for k, row in enumerate(values)]
            found = surprises(lines)
            soon = [(found[k.name][-20 : -20 + within] > 0).any() for k in lines]
            yield (
                f"{deviations}-sigma step, {step_s:.0f} s windows, found in <= {within}: "
                f"{np.mean(soon):.2f}"
            )
