"""Times of the samples of one minute that count once. Pure."""

from __future__ import annotations

import numpy as np

from liveops.windows.buckets import Ints, group_starts
from liveops.windows.samples import TIME_BITS, Bools

#: Times kept of a series and minute: what comes beyond them is not looked for.
MAX_TIMES = 10_000


class OnceTimes:
    """Keys (`liveops.windows.samples`) of what was counted."""

    __slots__ = ("keys",)

    def __init__(self, keys: Ints | None = None) -> None:
        #: Ascending.
        self.keys: Ints = np.empty(0, np.int64) if keys is None else keys

    def first(self, keys: Ints) -> Bools:
        """Which of these are the first of their series and time; they are remembered."""
        order = keys.argsort(kind="stable")
        is_first = np.zeros(len(keys), bool)
        is_first[order[group_starts(keys[order])]] = True
        if len(self.keys):
            place = np.minimum(self.keys.searchsorted(keys), len(self.keys) - 1)
            is_first &= self.keys[place] != keys
        self.put(keys[is_first])
        return is_first

    def put(self, keys: Ints) -> None:
        """Remember keys, none of which is known."""
        found = np.concatenate([self.keys, keys])
        found.sort(kind="stable")
        if len(found) > MAX_TIMES:
            starts = group_starts(found >> TIME_BITS)
            sizes = np.diff(starts, append=len(found))
            found = found[np.arange(len(found)) - np.repeat(starts, sizes) < MAX_TIMES]
        self.keys = found
