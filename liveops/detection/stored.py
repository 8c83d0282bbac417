"""Stored form of a bank: one value a series, its arrays as bytes, so that it goes on as it was."""

from __future__ import annotations

import msgspec
import numpy as np
from msgspec import Struct

from liveops.detection import arrays
from liveops.detection.bank import Bank

FORM = 3
#: Forms that are read: the one before ends before the forecasts and what is usual.
READ_FORMS = (2, FORM)


class StoredEnsemble(Struct, array_like=True, frozen=True):
    """A series in a bank of windows of `step_s`: the rows of its arrays in the bank's order."""

    form: int
    step_s: float
    rows: list[bytes]


def encode(bank: Bank, row: int) -> bytes:
    """Value of one series."""
    rows = [np.ascontiguousarray(array[row]).tobytes() for array in arrays.every(bank)]
    return msgspec.msgpack.encode(StoredEnsemble(FORM, bank.step_s, rows))


def decode_into(bank: Bank, row: int, value: bytes) -> None:
    """Inverse of `encode`, also of the form before; msgspec.ValidationError on a misfit."""
    stored = msgspec.msgpack.decode(value, type=StoredEnsemble)
    kept_in = list(arrays.every(bank))
    if stored.form == READ_FORMS[0]:
        kept_in = kept_in[: -len([*arrays.every(bank.forecasts), *arrays.every(bank.usual)])]
    if (
        stored.form not in READ_FORMS
        or stored.step_s != bank.step_s
        or len(stored.rows) != len(kept_in)
    ):
        raise msgspec.ValidationError("another form of the ensemble's state")
    for array, kept in zip(kept_in, stored.rows, strict=True):
        if len(kept) != array[row].nbytes:
            raise msgspec.ValidationError("another size of the ensemble's state")
    for array, kept in zip(kept_in, stored.rows, strict=True):
        array[row] = np.frombuffer(kept, dtype=array.dtype).reshape(array[row].shape)
