"""The table of window state: keys and values. Everything is MessagePack, exact.

Keys are `service NUL part`. Each value stays under 256 KiB, so a service with thousands
of series is many values; `tables/window_store.py` says in which order they are written.

    h            header: watermark, offsets, clocks, names of the pending pieces
    s<n>         names of the series from number n on
    m<start>/<low>-<high>   one minute of the series low ≤ n < high, with its offsets
    i<minute>/<n>           ids given by clients, by the minute they were seen in
    p<n>         a piece of finished output, not known to be sent
    c<n>         last samples of dropped minutes, of the counters from number n on
    f            of `liveops_overflow/<partition>`: partitions that were forwarded records

Header and names carry the form they are written in; forms before are read.
"""

from __future__ import annotations

import msgspec
import numpy as np
from faust.types.app import AppT

from liveops.kafka.producer import Producer
from liveops.windows.block import FIELDS, Block
from liveops.windows.buckets import CODE_BITS, Ints
from liveops.windows.counters import LASTS_PER_VALUE, NEVER_US, Counters, Lasts
from liveops.windows.samples import TIME_BITS, Bools, new_samples
from liveops.windows.state import Range
from schema.kinds import GAUGE, Kind
from tables.checkpointed import SEPARATOR, CheckpointedTable, declare

NAME = "windows"
MAX_VALUE_BYTES = 256 * 1024
#: Series in one value of names; names are long at worst.
NAMES_PER_VALUE = 16
ID_BYTES = 16

#: A finished output: topic and record; the key is the service.
Output = tuple[str, bytes]


class Header(msgspec.Struct, array_like=True):
    """Everything of a service but its minutes, names and ids; written last."""

    event_max_s: float
    event_append_s: float
    watermark_s: float
    offsets: dict[int, int]
    clocks: dict[int, float]
    corrections: dict[int, list[int]]
    pending: list[int]
    next_piece: int
    #: (minute, part, how many): ids beyond these were stored by a checkpoint that tore.
    ids: list[tuple[int, int, int]]
    #: The clock of each origin when the service was last read from it; before form 2 not told.
    heard_s: dict[int, float] = {}
    form: int = 1


class MinutePart(msgspec.Struct, array_like=True):
    """Some series of one minute; `offsets` says up to where records are in it."""

    offsets: dict[int, int]
    series: bytes
    columns: bytes
    keys: bytes
    counts: bytes
    revisions: list[tuple[int, int, int]]
    #: Of counters, and of samples that count once; before form 3 there were none.
    samples: StoredSamples | None = None
    once: bytes = b""


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


class StoredSeries(msgspec.Struct, array_like=True):
    """A series of a service; its newest minute, as far as no stored minute tells it."""

    metric_type: str
    tags: list[tuple[str, str]]
    #: Before form 2 not told.
    last_minute: int | None = None
    kind: Kind = GAUGE


#: Series in order of their numbers; None where a forgotten one was.
Names = list[StoredSeries | None]
#: Form of the headers written now.
FORM = 3

encode = msgspec.msgpack.encode
decode_header = msgspec.msgpack.Decoder(Header).decode
decode_names = msgspec.msgpack.Decoder(Names).decode
decode_forwards = msgspec.msgpack.Decoder(dict[int, float]).decode
decode_lasts = msgspec.msgpack.Decoder(StoredLasts).decode
decode_piece = msgspec.msgpack.Decoder(list[Output]).decode
_decode_part = msgspec.msgpack.Decoder(MinutePart).decode


def register(app: AppT, partitions: int, producer: Producer) -> CheckpointedTable:
    """Declare the table."""
    return declare(app, NAME, partitions, producer)


def key_of(service: str, part: str) -> bytes:
    """Key of a part of a service."""
    return service.encode() + SEPARATOR + part.encode()


def header_key(service: str) -> bytes:
    """Key of a service's header."""
    return key_of(service, "h")


def minute_key(service: str, start_s: int, series: Range) -> bytes:
    """Key of some series of one minute of a service."""
    return key_of(service, f"m{start_s}/{series[0]}-{series[1]}")


def minute_part_of(part: str) -> tuple[int, Range]:
    """Minute start and range of series of a key's part that begins with m."""
    start, _, series = part[1:].partition("/")
    low, _, high = series.partition("-")
    return int(start), (int(low), int(high))


def encode_minute(block: Block, series: Range, offsets: dict[int, int]) -> bytes:
    """Value of the series low ≤ n < high of a minute."""
    low, high = series
    present = block.series()
    chosen = present[np.searchsorted(present, low) : np.searchsorted(present, high)]
    keys, counts = block.buckets()
    first, last = np.searchsorted(keys, [low << CODE_BITS, high << CODE_BITS])
    revisions = [
        (size, number, revision)
        for (size, number), revision in block.revisions.items()
        if low <= number < high
    ]
    return encode(
        MinutePart(
            offsets,
            chosen.astype("<i4").tobytes(),
            block.columns(chosen).astype("<f8").tobytes(),
            (keys[first:last] - (low << CODE_BITS)).astype("<u4").tobytes(),
            _encode_counts(counts[first:last]),
            revisions,
            _encode_samples(block, series),
            b"" if block.once is None else _encode_keys(block.once.keys, series),
        )
    )


def _encode_counts(counts: Ints) -> bytes:
    """Four bytes each, or eight where one needs them."""
    return counts.astype("<u4" if counts.max(initial=0) < 1 << 32 else "<u8").tobytes()


def _encode_samples(block: Block, series: Range) -> StoredSamples | None:
    if block.samples is None:
        return None
    found = block.samples.columns()
    first, last = np.searchsorted(found.keys, [number << TIME_BITS for number in series])
    torn = [number for number in block.samples.torn if series[0] <= number < series[1]]
    if first == last and not torn:
        return None
    chosen = found.only(np.arange(first, last))
    return StoredSamples(
        _encode_keys(chosen.keys, series),
        chosen.values.astype("<f8").tobytes(),
        chosen.begins.tobytes(),
        b"" if np.isnan(chosen.steps).all() else chosen.steps.astype("<f8").tobytes(),
        torn,
    )


def _encode_keys(keys: Ints, series: Range) -> bytes:
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
    stored = decode_lasts(value)
    found = stored.now if stored.watermark_s <= watermark_s else stored.before
    if found is None:
        return
    counters.stored[first] = found
    counters.dropped.note(
        np.frombuffer(found.series, "<i4").astype(np.int64),
        np.frombuffer(found.us, "<i8").astype(np.int64),
        np.frombuffer(found.values, "<f8").astype(np.float64),
    )


def outline_of(value: bytes) -> tuple[dict[int, int], Ints]:
    """Of a stored part: up to where records are in it, by origin, and the series with values."""
    part = _decode_part(value)
    return part.offsets, np.frombuffer(part.series, "<i4").astype(np.int64)


def decode_minute(
    value: bytes, block: Block, series: Range, wanted: set[int] | None = None
) -> None:
    """Put a stored part into a block; returns its offsets.

    `wanted` is a set of the series to take, all of them by default.
    """
    part = _decode_part(value)
    numbers = np.frombuffer(part.series, "<i4").astype(np.int64)
    columns = np.frombuffer(part.columns, "<f8").reshape(FIELDS, len(numbers))
    keys = np.frombuffer(part.keys, "<u4").astype(np.int64) + (series[0] << CODE_BITS)
    width = "<u4" if len(part.counts) == len(part.keys) else "<u8"
    counts = np.frombuffer(part.counts, width).astype(np.int64)
    if wanted is not None:
        chosen = np.isin(numbers, list(wanted))
        kept = np.isin(keys >> CODE_BITS, list(wanted))
        numbers, columns = numbers[chosen], columns[:, chosen]
        keys, counts = keys[kept], counts[kept]
    if len(numbers):
        block.put(numbers, columns, keys, counts)
    for size, number, revision in part.revisions:
        if wanted is None or number in wanted:
            block.revisions[(size, number)] = revision
    _decode_samples(part, block, series, wanted)


def _decode_samples(part: MinutePart, block: Block, series: Range, wanted: set[int] | None) -> None:
    """Put stored samples into a block."""
    keys = _decode_keys(part.once, series)
    if len(keys):
        block.once_times().put(keys if wanted is None else keys[_those_of(keys, wanted)])
    stored = part.samples
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
