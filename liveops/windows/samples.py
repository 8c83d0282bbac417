"""Samples of the counters of one minute, in columns. Pure.

What a counter grew by follows from the set of its samples: sorted by time, of equal times the
larger value, each adds what it is above the one before, or itself after a fall. Here is what
happens within the minute; `liveops.windows.increase` joins the minutes.

A key is a series number above the microsecond within the minute. Of a series with too many
samples those between the first and the newest are summed up into one step: nothing is lost as
long as no later sample lands between them. Then the series is named in `torn`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from liveops.windows.buckets import Floats, Ints, group_starts

Bools = npt.NDArray[np.bool_]
#: Bits of a key below the series number.
TIME_BITS = 26
_TIME_MASK = (1 << TIME_BITS) - 1
#: Samples kept of a series and minute, and how many of these stay when there are more.
MAX_SAMPLES, _NEWEST = 240, 120


class Columns(NamedTuple):
    """Samples ordered by key.

    `begins`: its counter began at 0 not long before, by what its sender told. `steps`: what a
    sample adds together with those taken out before it; NaN where none were.
    """

    keys: Ints
    values: Floats
    begins: Bools
    steps: Floats

    def only(self, chosen: npt.NDArray[np.bool_] | Ints) -> Columns:
        """Some samples, by mask or position."""
        return Columns(
            self.keys[chosen], self.values[chosen], self.begins[chosen], self.steps[chosen]
        )


class Edges(NamedTuple):
    """Each series with samples: its first and last one, what it grew by between them, its falls.

    Times are microseconds since the minute began.
    """

    series: Ints
    first_us: Ints
    first: Floats
    begins: Bools
    last_us: Ints
    last: Floats
    inner: Floats
    falls: Ints


def keys_at(series: Ints, times_s: Floats, start_s: int) -> Ints:
    """Keys of samples of the minute that begins at `start_s`."""
    us = np.rint((times_s - start_s) * 1e6).astype(np.int64)
    return (series << TIME_BITS) | np.clip(us, 0, 59_999_999)


def new_samples(keys: Ints, values: Floats, begins: Bools) -> Columns:
    """Columns of samples of which none was taken out."""
    return Columns(keys, values, begins, np.full(len(keys), np.nan))


_NONE = new_samples(np.empty(0, np.int64), np.empty(0), np.empty(0, bool))


class Samples:
    """The samples of a minute; a series and time has one."""

    __slots__ = ("_columns", "_edges", "_staged", "torn")

    def __init__(self) -> None:
        self._columns = _NONE
        self._edges: Edges | None = None
        self._staged: list[Columns] = []
        #: Series with a sample that came between others that were taken out before.
        self.torn: set[int] = set()

    def add(self, added: Columns) -> None:
        """Take in samples, in any order."""
        self._staged.append(added)
        self._edges = None

    def put(self, stored: Columns) -> None:
        """Take in stored samples, of series that have none yet."""
        self._columns, self._edges = _ordered([self._columns, stored]), None

    def columns(self) -> Columns:
        """All samples, ordered."""
        if self._staged:
            added = _ordered(self._staged)
            self._staged = []
            landed = _landed(self._columns, added)
            if len(landed):
                self.torn.update((landed >> TIME_BITS).tolist())
                self._columns = _shared(self._columns, added, landed)
            self._columns = _thinned(_ordered([self._columns, added]))
        return self._columns

    def edges(self) -> Edges:
        """First and last sample of each series, and what happened between them."""
        if self._edges is None:
            self._edges = _edges(self.columns())
        return self._edges


def _ordered(parts: list[Columns]) -> Columns:
    """Samples of several lists as one, of equal keys the larger value."""
    found = Columns(*map(np.concatenate, zip(*parts, strict=True)))
    found = found.only(found.keys.argsort(kind="stable"))
    starts = group_starts(found.keys)
    if len(starts) == len(found.keys):
        return found
    return Columns(
        found.keys[starts],
        np.maximum.reduceat(found.values, starts),
        np.logical_or.reduceat(found.begins, starts),
        np.fmax.reduceat(found.steps, starts),
    )


def _landed(known: Columns, added: Columns) -> Ints:
    """Keys of added samples that lie where others were taken out, ascending."""
    if not len(known.keys) or np.isnan(known.steps).all():
        return _NONE.keys
    after = np.minimum(known.keys.searchsorted(added.keys), len(known.keys) - 1)
    is_inside = ~np.isnan(known.steps[after]) & (known.keys[after] >= added.keys)
    is_inside &= known.keys[after] >> TIME_BITS == added.keys >> TIME_BITS
    is_known = (known.keys[after] == added.keys) & (added.values <= known.values[after])
    return np.asarray(added.keys[is_inside & ~is_known])


def _shared(known: Columns, added: Columns, landed: Ints) -> Columns:
    """What samples that landed add is no longer in the step after them, as far as it can be.

    That is right for a counter that only rose there; the archive has the truth.
    """
    steps, last = known.steps.copy(), (-1, 0.0)
    for at in added.keys.searchsorted(landed).tolist():
        after = int(known.keys.searchsorted(added.keys[at]))
        before = last[1] if last[0] == after else float(known.values[after - 1])
        rise = float(added.values[at]) - before
        if known.keys[after] > added.keys[at] and 0 <= rise <= steps[after]:
            steps[after] -= rise
            last = after, float(added.values[at])
    return known._replace(steps=steps)


def _steps(found: Columns) -> Floats:
    """What each sample adds after the one before it; the first of a series adds 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        rise = np.diff(found.values, prepend=0.0)
        steps = np.where(rise >= 0, rise, found.values)
    steps = np.where(np.isnan(found.steps), steps, found.steps)
    steps[group_starts(found.keys >> TIME_BITS)] = 0.0
    return np.asarray(steps)


def _thinned(found: Columns) -> Columns:
    """Without what is too much: the older ones between are one step of the next that stays."""
    starts = group_starts(found.keys >> TIME_BITS)
    sizes = np.diff(starts, append=len(found.keys))
    if sizes.max(initial=0) <= MAX_SAMPLES:
        return found
    steps, told = _steps(found), found.steps.copy()
    kept = np.ones(len(found.keys), bool)
    crowded = sizes > MAX_SAMPLES
    for low, size in zip(starts[crowded].tolist(), sizes[crowded].tolist(), strict=True):
        stays = low + size - _NEWEST
        kept[low + 1 : stays] = False
        told[stays] = steps[low + 1 : stays + 1].sum()
    return found._replace(steps=told).only(kept)


def _edges(found: Columns) -> Edges:
    series = found.keys >> TIME_BITS
    starts = group_starts(series)
    lasts = np.append(starts[1:], len(series))[: len(starts)] - 1
    steps, us = _steps(found), found.keys & _TIME_MASK
    is_fall = np.diff(found.values, prepend=0.0) < 0
    is_fall[starts] = False
    if not len(starts):
        inner, falls = np.empty(0), np.empty(0, np.int64)
    else:
        inner = np.add.reduceat(steps, starts)
        falls = np.add.reduceat(is_fall.astype(np.int64), starts)
    return Edges(
        series[starts], us[starts], found.values[starts], found.begins[starts], us[lasts],
        found.values[lasts], inner, falls,
    )  # fmt: skip
