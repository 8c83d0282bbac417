"""RFC 3339 times of many records at once. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from schema.times import TimeReader, parse_time_s

#: `YYYY-MM-DDTHH:`, which the times of a chunk mostly share; then `MM:SS.ffffffZ`, or less.
_HOUR = 14
#: Weight in microseconds of each digit after the hour.
_DIGIT_US = np.array([600e6, 60e6, 10e6, 1e6, 1e5, 1e4, 1e3, 100.0, 10.0, 1.0])
#: Microseconds that a double holds exactly, and room for an hour.
_EXACT_US = 9e15
_FRACTIONS = ("", *("." + "d" * digits for digits in range(1, 7)))
#: What may follow the hour, `d` for a digit, by length and whether it ends with Z.
_FORMS = {
    (_HOUR + len(form), form[-1] == "Z"): form
    for form in (f"dd:dd{part}{end}" for part in _FRACTIONS for end in ("Z", "+00:00"))
}
Floats = npt.NDArray[np.float64]
_reader = TimeReader()


def seconds_of(stamps: Sequence[Any], append_s: Floats) -> Floats:
    """Epoch seconds of texts or numbers, the broker's time for None, NaN where it is no time."""
    try:
        sizes = list(map(len, stamps))
    except TypeError:
        return _one_by_one(stamps, append_s)
    kinds = {*sizes}
    if len(kinds) == 1:
        return _of_one_size(stamps, append_s)
    found, size_of = np.empty(len(stamps)), np.array(sizes)
    for size in kinds:  # a few: some producers leave out zeros at the end
        mine = np.flatnonzero(size_of == size)
        found[mine] = _of_one_size([stamps[at] for at in mine.tolist()], append_s[mine])
    return found


def _of_one_size(stamps: Sequence[str], append_s: Floats) -> Floats:
    found = _of_one_hour(stamps)
    return _one_by_one(stamps, append_s) if found is None else found


def _one_by_one(stamps: Sequence[Any], append_s: Floats) -> Floats:
    pairs = zip(stamps, append_s.tolist(), strict=True)
    return np.array([_seconds(stamp, at_s) for stamp, at_s in pairs])


def _seconds(stamp: Any, append_s: float) -> float:
    if stamp is None:
        return append_s
    if not isinstance(stamp, str):
        return float(stamp)
    try:
        return _reader.read(stamp)
    except (ValueError, OverflowError):
        return float("nan")


def _of_one_hour(stamps: Sequence[str]) -> Floats | None:
    """The times of texts of one length in columns, if they are in UTC and in one hour."""
    size = len(stamps[0])
    form = _FORMS.get((size, stamps[0][-1:] == "Z"))
    try:
        signs = np.frombuffer("".join(stamps).encode("ascii"), np.uint8).reshape(-1, size)
    except ValueError:  # not ASCII, or empty
        return None
    if form is None or (signs[:, :_HOUR] != signs[0, :_HOUR]).any():
        return None
    after_us = _within_hour_us(signs[:, _HOUR:], form)
    hour_us = _hour_us(stamps[0][:_HOUR])
    if after_us is None or hour_us is None or abs(hour_us) > _EXACT_US:
        return None
    return np.asarray((hour_us + after_us) / 1e6)  # exact up to here, rounded once


def _hour_us(hour: str) -> float | None:
    try:
        return parse_time_s(hour + "00:00Z") * 1e6
    except (ValueError, OverflowError):
        return None


def _within_hour_us(signs: npt.NDArray[np.uint8], form: str) -> Floats | None:
    """Microseconds since the hour of texts of this form; None when one is not of it."""
    template = np.frombuffer(form.encode(), np.uint8)
    is_digit = template == ord("d")
    digits = signs[:, is_digit] - np.uint8(ord("0"))  # what is below a digit wraps around
    wrong = (signs[:, ~is_digit] != template[~is_digit]).any()
    if wrong or (digits > 9).any() or (digits[:, (0, 2)] > 5).any():
        return None
    return np.asarray(digits @ _DIGIT_US[: digits.shape[1]])
