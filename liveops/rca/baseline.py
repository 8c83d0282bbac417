"""What is usual for each series: level, spread, what is too small to matter, silence.

Like is compared with like: the median of the incident's values with medians of equally
long stretches of the past. Median and interquartile range, as BARO (Pham et al., FSE
2024) uses them, are not moved by the outliers that a history is full of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from liveops.rca.kinds import Meaning
from liveops.rca.series import Floats, SeriesTable, quantiles

Bools: TypeAlias = NDArray[np.bool_]

#: The IQR of a normal distribution is this many standard deviations.
_IQR_SIGMAS = 1.349
#: The central 98 % of a normal distribution span this many standard deviations.
_TAIL_SIGMAS = 4.653
#: Before anything is seen, a series is taken to vary by this share of its level; this
#: counts as much as so many samples. It bears a past of two samples and a constant one.
_PRIOR_SHARE = 0.1
_PRIOR_SAMPLES = 5.0
#: What is small beside the usual level of the same metric in the whole system is small.
_SYSTEM_SHARE = 0.03
#: Of failures, which are usually none, this share of the requests is small.
_FAILURE_SHARE = 0.001
#: Fewer values than this are no history.
MIN_HISTORY = 2
#: Stretches of the past that are compared with the incident are at most this long.
_BLOCK = 5
#: Longer pasts are cut into stretches that overlap less.
_DENSE = 600
#: Samples just before the incident may belong to it: detection comes after the onset.
_GUARD = 2
_GUARDED_FROM = 20
#: From this strength on a value counts as departed from its past.
ONSET_STRENGTH = 3.0
#: A series is missed when it is away for longer than it ever was, and for so many windows.
_FEWEST_MISSED = 2.0
_LONGER_THAN_EVER = 1.5
#: A silence that began longer before the incident is no part of it.
_FRESH_WINDOWS = 10.0


def guarded(known: SeriesTable) -> Floats:
    """The past without its last samples, where there are enough of them."""
    past = known.past.copy()
    rows = np.flatnonzero(known.past_count >= _GUARDED_FROM)
    for back in range(1, _GUARD + 1):
        past[rows, known.past_count[rows] - back] = np.nan
    return past


def _blocks(known: SeriesTable, past: Floats) -> Floats:
    """Medians of stretches of the past as long as the incident, row by row."""
    during = known.during_count
    length = int(min(_BLOCK, np.median(during[during > 0]) if during.any() else 1))
    if past.shape[1] < 2 * length or length < 2:
        return past
    stride = 1 if past.shape[1] <= _DENSE else length
    return np.median(sliding_window_view(past, length, axis=1)[:, ::stride], axis=2)


def spreads(known: SeriesTable, past: Floats, usual: Floats, meanings: Sequence[Meaning]) -> Floats:
    """One robust standard deviation of each series, never below what is small."""
    counts = np.maximum(known.past_count, 1)
    found = np.zeros(len(usual))
    for values in (_blocks(known, past), past):
        low, q1, q3, high = quantiles(values, (0.01, 0.25, 0.75, 0.99))
        wide = np.fmax((q3 - q1) / _IQR_SIGMAS, (high - low) / _TAIL_SIGMAS)
        # Too few stretches say too little: then single values stand in.
        enough = np.count_nonzero(~np.isnan(values), axis=1) >= _BLOCK
        found = np.where((found == 0) & (enough | (values is past)), np.nan_to_num(wide), found)
    level = np.abs(np.nan_to_num(usual))
    level = np.where([m.worse < 0 for m in meanings], 0.0, level)
    prior = _PRIOR_SAMPLES * (_PRIOR_SHARE * level) ** 2
    mixed = np.sqrt((counts * found**2 + prior) / (counts + _PRIOR_SAMPLES))
    return np.maximum(np.maximum(mixed, _floors(known, usual, meanings)), 1e-9)


def _floors(known: SeriesTable, usual: Floats, meanings: Sequence[Meaning]) -> Floats:
    """What is small in the whole system, by metric."""
    by_metric: dict[str, list[int]] = {}
    for row, (_, metric) in enumerate(known.names):
        by_metric.setdefault(metric, []).append(row)
    floors = np.zeros(len(usual))
    for rows in by_metric.values():
        levels = np.abs(usual[rows])
        typical = float(np.nanmedian(levels)) if np.isfinite(levels).any() else 0.0
        floors[rows] = _SYSTEM_SHARE * typical
        if meanings[rows[0]].kind == "errors":
            top = float(np.nanmax(np.abs(known.past[rows]))) if np.isfinite(levels).any() else 0.0
            # A share of requests in percent, one as a fraction, or a count.
            whole = 1.0 if top <= 1 else 100.0
            floors[rows] = _FAILURE_SHARE * whole
    return floors


def rarity(past: Floats, usual: Floats, distance: Floats) -> Floats:
    further = np.count_nonzero(np.abs(past - usual[:, None]) >= distance[:, None], axis=1)
    share: Floats = (further + 1) / (np.count_nonzero(~np.isnan(past), axis=1) + 1)
    return share


def onsets(
    known: SeriesTable, usual: Floats, spread: Floats, observed: Floats, at_s: float
) -> Floats:
    """First moment of each series outside its past, samples of the guard included."""
    side = np.sign(observed - usual)
    onset = np.full(len(usual), np.nan)
    bar = ONSET_STRENGTH * spread
    for values, times in ((known.during, known.during_s), (known.past, known.past_s)):
        if not values.shape[1]:
            continue
        out = (values - usual[:, None]) * side[:, None] >= bar[:, None]
        if values is known.past:
            # Backwards from the incident, as long as it is out without a break.
            for row in np.flatnonzero(np.isfinite(onset) & (onset <= at_s + known.step_s)):
                place = known.past_count[row] - 1
                for back in range(_GUARD):
                    if place - back < 0 or not out[row, place - back]:
                        break
                    onset[row] = times[row, place - back]
        else:
            first = out.argmax(axis=1)
            some = out.any(axis=1)
            onset[some] = times[some, first[some]]
    return onset


def silent(known: SeriesTable, at_s: float) -> Bools:
    """Series that reported regularly up to the incident and have nothing in it."""
    counts = known.past_count
    rows = np.arange(len(counts))
    last = known.past_s[rows, np.maximum(counts - 1, 0)]
    end_s = float(np.nanmax(known.during_s)) if known.during_s.size else at_s
    longest = np.fmax.reduce(np.diff(known.past_s, axis=1), axis=1, initial=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        # By its own step: what reports every half hour is not missed at once.
        missed = (end_s - last) / known.step_s
        since = (at_s - last) / known.step_s
        unusual = (missed > _FEWEST_MISSED) & (end_s - last > _LONGER_THAN_EVER * longest)
    none = (known.during_count == 0) & (counts >= MIN_HISTORY + 3)
    return np.asarray(none & unusual & (since <= _FRESH_WINDOWS), dtype=np.bool_)
