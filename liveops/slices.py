"""Long work on the event loop in slices, so that nobody else waits long for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: Work this long, then let the others run.
SLICE_S = 0.002


class Slices:
    """A clock for work on many items: after each item ask `is_over`, and then `rest`."""

    def __init__(self) -> None:
        self._until_s = time.perf_counter() + SLICE_S

    @property
    def is_over(self) -> bool:
        """Whether the slice has been used up."""
        return time.perf_counter() >= self._until_s

    async def rest(self) -> None:
        """Let everybody else run once; a new slice begins."""
        await asyncio.sleep(0)
        self._until_s = time.perf_counter() + SLICE_S


async def in_slices(make: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """`make` of each item."""
    made: list[R] = []
    slices = Slices()
    for item in items:
        if slices.is_over:
            await slices.rest()
        made.append(make(item))
    return made
