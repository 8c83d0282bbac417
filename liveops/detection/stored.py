"""Stored form of a bank: one value a series, its arrays as bytes, so that it goes on as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from liveops.detection.ensemble import Bank

_FORM = 1


class StoredEnsemble(Struct, array_like=True, frozen=True):
    """A series in a bank of windows of `step_s`: the rows of its arrays in the bank's order."""

    form: int
    step_s: float
    rows: list[bytes]


def encode(bank: Bank, row: int) -> bytes:
    """Value of one series."""
    rows = [np.ascontiguousarray(array[row]).tobytes() for array in _arrays(bank)]
    return msgspec.msgpack.encode(StoredEnsemble(_FORM, bank.step_s, rows))


def decode_into(bank: Bank, row: int, value: bytes) -> None:
    """Inverse of `encode`; msgspec.ValidationError on what does not fit this bank."""
    stored = msgspec.msgpack.decode(value, type=StoredEnsemble)
    arrays = list(_arrays(bank))
    if stored.form != _FORM or stored.step_s != bank.step_s or len(stored.rows) != len(arrays):
        raise msgspec.ValidationError("another form of the ensemble's state")
    for array, kept in zip(arrays, stored.rows, strict=True):
        if len(kept) != array[row].nbytes:
            raise msgspec.ValidationError("another size of the ensemble's state")
    for array, kept in zip(arrays, stored.rows, strict=True):
        array[row] = np.frombuffer(kept, dtype=array.dtype).reshape(array[row].shape)


def _arrays(part: Any) -> Iterator[NDArray[Any]]:
    """Every array of a bank and its parts, in the order of their fields."""
    if isinstance(part, np.ndarray):
        yield part
    elif isinstance(part, list):
        for element in part:
            yield from _arrays(element)
    elif is_dataclass(part):
        for one in fields(part):
            yield from _arrays(getattr(part, one.name))
