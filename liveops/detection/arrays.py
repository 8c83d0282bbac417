"""The arrays of a bank and its parts: all of them have one row a series."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


def every(part: Any) -> Iterator[NDArray[Any]]:
    """Every array, in the order of the fields."""
    if isinstance(part, np.ndarray):
        yield part
    elif isinstance(part, list):
        for element in part:
            yield from every(element)
    elif is_dataclass(part):
        for one in fields(part):
            yield from every(getattr(part, one.name))


def move(part: Any, larger: Any, rows: int) -> None:
    """Give `part` the arrays of `larger`, with its own first `rows` rows in them.

    One array after the other, so that only one is there twice.
    """
    if isinstance(part, list):
        for ours, theirs in zip(part, larger, strict=True):
            move(ours, theirs, rows)
    elif is_dataclass(part):
        for one in fields(part):
            ours, theirs = getattr(part, one.name), getattr(larger, one.name)
            if isinstance(ours, np.ndarray):
                theirs[:rows] = ours
                setattr(part, one.name, theirs)
            else:
                move(ours, theirs, rows)


def renew(part: Any, fresh: Any, rows: Any) -> None:
    """Make rows of `part` what the first row of `fresh` is."""
    for ours, theirs in zip(every(part), every(fresh), strict=True):
        ours[rows] = theirs[0]
