"""What a counter grew by, from all its samples at once: for windows computed again. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from liveops.windows.buckets import Floats, Ints, group_starts
from liveops.windows.counters import GAP_US
from liveops.windows.samples import Bools


class SampleList(NamedTuple):
    """Samples of one counter in any order; times in microseconds since the epoch.

    `begins`: it began at 0 within the hour before, by what its sender told.
    """

    us: Ints
    values: Floats
    begins: Bools


def grown_within(samples: SampleList, start_s: int, end_s: int) -> float:
    """What the counter grew by in [start, end); the samples of the hour before are needed."""
    order = samples.us.argsort(kind="stable")
    us, values, begins = samples.us[order], samples.values[order], samples.begins[order]
    starts = group_starts(us)
    if not len(starts):
        return 0.0
    us, values = us[starts], np.maximum.reduceat(values, starts)
    begins = np.logical_or.reduceat(begins, starts)
    with np.errstate(over="ignore"):
        rise = np.diff(values, prepend=0.0)
    follows = np.diff(us, prepend=us[0] - GAP_US - 1) <= GAP_US
    steps = np.where(rise >= 0, rise, values)
    steps = np.where(follows, steps, np.where(begins, values, 0.0))
    return float(steps[(us >= start_s * 1_000_000) & (us < end_s * 1_000_000)].sum())
