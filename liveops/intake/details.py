"""What some metrics say beside value and time (`schema.kinds`), in columns. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec import UNSET

from liveops.intake.shapes import KindItem, KindWire
from liveops.intake.times import Floats, seconds_of

Bools = npt.NDArray[np.bool_]
KindItems = Sequence[KindWire | KindItem]
_once_of: Callable[[KindWire | KindItem], bool] = attrgetter("once")
_histogram_of: Callable[[KindWire | KindItem], object] = attrgetter("histogram")
_start_of: Callable[[KindWire | KindItem], float | str | None] = attrgetter("start")


class Details(NamedTuple):
    """Of each metric whether it counts once, and when its counter began (epoch seconds).

    The start is NaN where none is told.
    """

    once: Bools
    starts_s: Floats

    def only(self, chosen: Any) -> Details:
        """Of some metrics, by slice, mask or position."""
        return Details(self.once[chosen], self.starts_s[chosen])


def nothing_told(count: int) -> Details:
    """Of so many metrics that say nothing."""
    return Details(np.zeros(count, bool), np.full(count, np.nan))


def details_of(items: KindItems, times_s: Floats) -> tuple[Details | None, Bools | None]:
    """What these say, None where nothing; and which need a closer look, None where none does.

    That is whatever has a histogram, and a start that may be none.
    """
    once, starts = list(map(_once_of, items)), list(map(_start_of, items))
    histograms = list(map(_histogram_of, items))
    has_start = starts.count(None) < len(items)
    odd = None
    if histograms.count(UNSET) < len(items):
        odd = np.array([found is not UNSET for found in histograms])
    if not has_start and once.count(False) == len(items):
        return None, odd
    told = nothing_told(len(items))
    told.once[:] = once
    if has_start:
        told.starts_s[:] = seconds_of(starts, told.starts_s)
        given = np.array([start is not None for start in starts])
        is_counter = np.array([item.kind == "counter" for item in items])
        wrong = given & ~(is_counter & (told.starts_s <= times_s))
        odd = wrong if odd is None else odd | wrong
    return told, odd
