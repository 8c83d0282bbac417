"""Rows of the table `metrics` in PostgreSQL's binary COPY format, packed many at a time.

A row is a head of fixed length (id, value, time) and a tail that is the same for all rows of
a series (names, tags, kind), with what the metric says beside its value at the end. See "COPY",
section "Binary Format", in PostgreSQL's manual.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from schema.kinds import GAUGE, Kind

#: In the order of the packed fields.
COLUMNS = ("id", "value", "timestamp", "service_name", "metric_type", "tags", "kind", "told")
#: Signature, flags, no header extension; and the end mark.
BEGIN = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
END = b"\xff\xff"

_HEAD = np.dtype(
    [
        ("fields", ">i2"),
        ("id_size", ">i4"),
        ("id", "u1", 16),
        ("value_size", ">i4"),
        ("value", ">f8"),
        ("time_size", ">i4"),
        ("time", ">i8"),
    ]
)
_JSONB_VERSION = b"\x01"
#: PostgreSQL counts microseconds from 2000-01-01T00:00:00Z.
_EPOCH_US = 946_684_800_000_000

Bytes2D = npt.NDArray[np.uint8]


#: A field without a value.
_NULL = struct.pack(">i", -1)


def tail(service: str, metric_type: str, tags: dict[str, str], kind: Kind = GAUGE) -> bytes:
    """The fields that all rows of a series share, and nothing said beside the value."""
    fields = (service.encode(), metric_type.encode(), _JSONB_VERSION + orjson.dumps(tags))
    shared = b"".join(map(_field, fields))
    return shared + (_NULL if kind == GAUGE else _field(kind.encode())) + _NULL


def with_told(plain: bytes, told: dict[str, Any]) -> bytes:
    """A tail with what a metric says beside its value."""
    return plain[: -len(_NULL)] + _field(_JSONB_VERSION + orjson.dumps(told))


def _field(value: bytes) -> bytes:
    return struct.pack(">i", len(value)) + value


def uuid5_of(digests: Sequence[bytes]) -> Bytes2D:
    """UUIDs of version 5 from SHA-1 digests, 16 bytes each."""
    ids = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 20)[:, :16].copy()
    ids[:, 6] = ids[:, 6] & 0x0F | 0x50
    ids[:, 8] = ids[:, 8] & 0x3F | 0x80
    return ids


def plain_ids(ids: Sequence[bytes]) -> Bytes2D:
    """UUIDs as they are, 16 bytes each."""
    return np.frombuffer(b"".join(ids), np.uint8).reshape(-1, 16)


def pack(
    ids: Bytes2D,
    values: npt.NDArray[np.float64],
    times_s: npt.NDArray[np.float64],
    tails: Sequence[bytes],
) -> list[bytes]:
    """One packed row for each position of the columns."""
    heads = np.empty(len(values), _HEAD)
    heads["fields"] = len(COLUMNS)
    heads["id_size"], heads["value_size"], heads["time_size"] = 16, 8, 8
    heads["id"] = ids
    heads["value"] = values
    heads["time"] = _microseconds(times_s)
    data, size = heads.tobytes(), _HEAD.itemsize
    return [
        data[start : start + size] + rest
        for start, rest in zip(range(0, len(data), size), tails, strict=True)
    ]


def _microseconds(times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Since PostgreSQL's epoch, rounded as `schema.times.to_datetime` does."""
    return np.asarray(np.rint(times_s * 1e6).astype(np.int64) - _EPOCH_US)
