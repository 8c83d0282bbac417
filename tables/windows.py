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
from liveops.windows.state import Range
from schema.kinds import GAUGE, Kind
from tables.checkpointed import SEPARATOR, CheckpointedTable, declare
from tables.window_samples import StoredSamples, decode_samples, encode_keys, encode_samples

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
    #: The newest of these ever.
    last_heard_s: float = 0.0


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
            encode_samples(block, series),
            b"" if block.once is None else encode_keys(block.once.keys, series),
        )
    )


def _encode_counts(counts: Ints) -> bytes:
    """Four bytes each, or eight where one needs them."""
    return counts.astype("<u4" if counts.max(initial=0) < 1 << 32 else "<u8").tobytes()


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
    decode_samples(part.samples, part.once, block, series, wanted)
