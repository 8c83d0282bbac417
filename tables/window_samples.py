"""Samples of counters as they are stored: those of a minute, and the last ones before it."""

from __future__ import annotations

import msgspec
import numpy as np

from liveops.windows.block import Block
from liveops.windows.buckets import Ints
from liveops.windows.counters import LASTS_PER_VALUE, NEVER_US, Counters, Lasts
from liveops.windows.samples import TIME_BITS, Bools, new_samples
from liveops.windows.state import Range


class StoredSamples(msgspec.Struct, array_like=True):
    """Samples of counters, as `liveops.windows.samples` has them; keys from the first series on."""

    keys: bytes
    values: bytes
    begins: bytes
    #: Empty where none was taken out.
    steps: bytes
    torn: list[int]


class LastColumns(msgspec.Struct, array_like=True):
    """The last samples of some counters: series, microseconds since the epoch, value."""

    series: bytes
    us: bytes
    values: bytes


class StoredLasts(msgspec.Struct, array_like=True):
    """Last samples as of a watermark, and those stored before, for a header from before it."""

    watermark_s: float
    now: LastColumns
    before: LastColumns | None


_decode_lasts = msgspec.msgpack.Decoder(StoredLasts).decode


def encode_samples(block: Block, series: Range) -> StoredSamples | None:
    """The samples of these series' counters; None where there are none."""
    if block.samples is None:
        return None
    found = block.samples.columns()
    first, last = np.searchsorted(found.keys, [number << TIME_BITS for number in series])
    torn = [number for number in block.samples.torn if series[0] <= number < series[1]]
    if first == last and not torn:
        return None
    chosen = found.only(np.arange(first, last))
    return StoredSamples(
        encode_keys(chosen.keys, series),
        chosen.values.astype("<f8").tobytes(),
        chosen.begins.tobytes(),
        b"" if np.isnan(chosen.steps).all() else chosen.steps.astype("<f8").tobytes(),
        torn,
    )


def encode_keys(keys: Ints, series: Range) -> bytes:
    """Keys of samples of these series, of which there are at most 64."""
    first, last = np.searchsorted(keys, [number << TIME_BITS for number in series])
    return (keys[first:last] - (series[0] << TIME_BITS)).astype("<u4").tobytes()


def _decode_keys(text: bytes, series: Range) -> Ints:
    return np.frombuffer(text, "<u4").astype(np.int64) + (series[0] << TIME_BITS)


def columns_of(lasts: Lasts, first: int) -> LastColumns:
    """The last samples of the series from number `first` on."""
    known = lasts.us[first : first + LASTS_PER_VALUE] != NEVER_US
    series = first + np.flatnonzero(known)
    us, values = lasts.of(series)
    return LastColumns(
        series.astype("<i4").tobytes(), us.astype("<i8").tobytes(), values.astype("<f8").tobytes()
    )


def restore_lasts(value: bytes, first: int, watermark_s: float, counters: Counters) -> None:
    """Take in stored last samples as a header with this watermark knows them."""
    stored = _decode_lasts(value)
    found = stored.now if stored.watermark_s <= watermark_s else stored.before
    if found is None:
        return
    counters.stored[first] = found
    counters.dropped.note(
        np.frombuffer(found.series, "<i4").astype(np.int64),
        np.frombuffer(found.us, "<i8").astype(np.int64),
        np.frombuffer(found.values, "<f8").astype(np.float64),
    )


def decode_samples(
    stored: StoredSamples | None, once: bytes, block: Block, series: Range, wanted: set[int] | None
) -> None:
    """Put stored samples, and times of those that count once, into a block.

    `wanted` is a set of the series to take, all of them by default.
    """
    keys = _decode_keys(once, series)
    if len(keys):
        block.once_times().put(keys if wanted is None else keys[_those_of(keys, wanted)])
    if stored is None:
        return
    keys = _decode_keys(stored.keys, series)
    values = np.frombuffer(stored.values, "<f8").astype(np.float64)
    begins = np.frombuffer(stored.begins, np.bool_)
    found = new_samples(keys, values, begins)
    if stored.steps:
        found = found._replace(steps=np.frombuffer(stored.steps, "<f8").astype(np.float64))
    samples = block.counter_samples()
    samples.put(found if wanted is None else found.only(_those_of(keys, wanted)))
    samples.torn.update(n for n in stored.torn if wanted is None or n in wanted)


def _those_of(keys: Ints, wanted: set[int]) -> Bools:
    """Which keys are of these series."""
    return np.isin(keys >> TIME_BITS, list(wanted))
