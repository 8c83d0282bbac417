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
    """What these say, None where nothing; and which need a closer look, None where none does."""
    once, starts = list(map(_once_of, items)), list(map(_start_of, items))
    has_start = starts.count(None) < len(starts)
    if not has_start and not any(once):
        return None, None
    told, odd = nothing_told(len(items)), None
    told.once[:] = once
    if has_start:
        told.starts_s[:] = seconds_of(starts, told.starts_s)
        given = np.array([start is not None for start in starts])
        is_counter = np.array([item.kind == "counter" for item in items])
        odd = given & ~(is_counter & (told.starts_s <= times_s))
    return told, odd


def is_single(item: KindWire | KindItem) -> bool:
    """Whether this has one value and no histogram."""
    return item.histogram is UNSET and item.kind != "histogram"
