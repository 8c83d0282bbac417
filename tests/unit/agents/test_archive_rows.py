"""Packed rows of the archive: quick and careful reading agree, and say what was sent."""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import orjson
import pytest

from agents.archive.rows import RawRows, RowReader
from liveops.intake.record import decode_record
from schema.ids import raw_metric_hash, raw_metric_id
from schema.times import to_datetime
from schema.topics import RAW

PARTITION = 3
APPEND_MS = 1_700_000_000_123
WEEK_S = 7 * 86_400.0
GIVEN = "0190B5e0-0000-7000-8000-00000000000f"
BASE = {"service_name": "shop", "metric_type": "cpu", "value": 1.5}
HISTOGRAM = {"count": 3, "sum": 4.5, "bounds": [1.0, 2.0], "counts": [1, 0, 2]}
Row = tuple[UUID, str, str, float, dict[str, str], datetime, str, dict[str, Any]]


def record(value: Any, offset: int = 7) -> Any:
    raw = value if isinstance(value, bytes | None) else orjson.dumps(value)
    return SimpleNamespace(value=raw, offset=offset, timestamp=APPEND_MS, headers=())


def unpacked(row: bytes) -> Row:
    """A row as PostgreSQL would read it."""
    (count,) = struct.unpack_from(">h", row)
    at, fields = 2, list[bytes]()
    for _ in range(count):
        (size,) = struct.unpack_from(">i", row, at)
        fields.append(row[at + 4 : at + 4 + max(0, size)])
        at += 4 + max(0, size)
    assert at == len(row)
    identity, value, moment, service, metric, tags, kind, told = fields
    assert tags[:1] == b"\x01"
    since = datetime(2000, 1, 1, tzinfo=UTC)
    return (
        UUID(bytes=identity),
        service.decode(),
        metric.decode(),
        struct.unpack(">d", value)[0],
        json.loads(tags[1:]),
        since + timedelta(microseconds=struct.unpack(">q", moment)[0]),
        kind.decode() or "gauge",
        json.loads(told[1:] or "{}"),
    )


def rows_of(found: RawRows) -> list[Row]:
    return sorted(unpacked(row) for row in (*found.rows, *found.given.values()))


def expected(*records: Any) -> list[Row]:
    """What the careful decoder says, each id once."""
    rows: dict[str, Row] = {}
    for item in records:
        found = decode_record(item.value or b"", item.timestamp / 1000.0, WEEK_S)
        for m, index in zip(found.metrics, found.items, strict=True):
            identity = m.id or raw_metric_id(RAW, PARTITION, item.offset, index)
            row = (UUID(identity), m.service_name, m.metric_type, m.value, m.tags)
            told = {k: v for k, v in m.measured().items() if k not in ("kind", "value")}
            rows.setdefault(identity, (*row, to_datetime(m.timestamp_s), m.kind, told))
    return sorted(rows.values())


RECORDS: list[Any] = [
    BASE,
    BASE | {"tags": {"b": "ü", "a": "1"}, "timestamp": "2023-11-14T22:13:20.123456Z"},
    BASE | {"timestamp": "2023-11-14T23:13:20+01:00"},
    BASE | {"timestamp": "2023-11-14T22:13:59.9999999Z"},
    BASE | {"timestamp": "2023-11-14t22:13:20z"},
    BASE | {"timestamp": 1_699_999_999.9999995},
    BASE | {"timestamp": 1_699_999_999.0000005, "value": -0.0},
    BASE | {"value": 3},
    BASE | {"id": GIVEN},
    BASE | {"id": "{" + GIVEN + "}"},
    BASE | {"id": ""},
    BASE | {"id": "0190b5e0 0000 7000 8000 00000000000f"},
    BASE | {"id": None, "timestamp": None},
    BASE | {"extra": 1},
    BASE | {"kind": "counter", "once": True},
    BASE | {"kind": "counter", "start": APPEND_MS / 1000 - 60},
    BASE | {"kind": "delta", "timestamp": "2023-11-14T22:13:20Z"},
    {
        "service_name": "shop",
        "metrics": [
            {"metric_type": "cpu", "kind": "histogram", "histogram": HISTOGRAM},
            {"metric_type": "cpu", "value": 2, "once": True},
            {"metric_type": "cpu", "value": 2},
        ],
    },
    BASE | {"timestamp": APPEND_MS / 1000 + 601},
    BASE | {"timestamp": APPEND_MS / 1000 - WEEK_S - 1},
    {"service_name": "shop", "metrics": [{"metric_type": "cpu", "value": n} for n in range(3)]},
    {
        "service_name": "shop",
        "metrics": [
            {"metric_type": "cpu", "value": 1, "id": GIVEN},
            {"metric_type": "cpu", "value": 2, "service_name": "shop"},
        ],
    },
    {
        "service_name": "shop",
        "metrics": [
            {"metric_type": "cpu", "value": 1},
            {"metric_type": "cpu", "value": "x"},
            {"metric_type": "cpu", "value": 2, "service_name": "other"},
            {"metric_type": "cpu", "value": 4},
        ],
    },
    {
        "service_name": "shop",
        "metrics": [
            {"metric_type": "cpu", "value": 1},
            {"metric_type": "cpu", "value": 2, "id": GIVEN},
            {"metric_type": "cpu", "value": 3, "timestamp": APPEND_MS / 1000 + 601},
        ],
    },
    {"service_name": "shop", "metrics": []},
    {"service_name": "shop", "metric_type": "cpu", "metrics": [{"metric_type": "x", "value": 1}]},
    b"",
    b"nonsense",
    b" " * 1_000_001 + orjson.dumps(BASE),
    None,
]


@pytest.mark.parametrize("value", RECORDS, ids=lambda value: str(value)[:60])
def test_both_ways_of_reading_give_the_rows_of_the_careful_decoder(value: Any) -> None:
    reader = RowReader(PARTITION, WEEK_S)
    reader.read([record(BASE)], 0)  # so that the series is known
    for offset in (8, 9):  # the second time all names are known
        item = record(value, offset)
        assert rows_of(reader.read([item], 0)) == expected(item)


def test_ids_of_a_chunk_are_those_of_the_log() -> None:
    reader = RowReader(PARTITION, WEEK_S)
    items = [record(BASE, 10**n) for n in range(12)]
    found = [unpacked(row)[0] for row in reader.read(items, 0).rows]
    assert [str(i) for i in found] == [raw_metric_id(RAW, PARTITION, 10**n, 0) for n in range(12)]


def test_the_prepared_hash_is_the_ids_but_for_version_and_variant() -> None:
    state = raw_metric_hash(RAW, 12)
    state.update(b"345\x1f6")
    digest = state.digest()[:16]
    made = UUID(raw_metric_id(RAW, 12, 345, 6)).bytes
    assert (digest[:6], digest[9:]) == (made[:6], made[9:])


def test_a_given_id_counts_once_in_a_chunk_and_the_first_wins() -> None:
    reader = RowReader(PARTITION, WEEK_S)
    items = [record(BASE | {"id": GIVEN, "value": n}, n) for n in (1, 2, 3)]
    found = reader.read(items, 0)
    assert not found.rows
    assert [unpacked(row)[3] for row in found.given.values()] == [1.0]


def test_rows_of_days_no_longer_kept_are_left_out_and_counted() -> None:
    reader = RowReader(PARTITION, WEEK_S)
    old = BASE | {"timestamp": APPEND_MS / 1000 - 86_400}
    items = [record(BASE, 1), record(old, 2), record(old | {"id": GIVEN}, 3)]
    found = reader.read(items, APPEND_MS / 1000 - 3600)
    assert (len(found.rows), len(found.given), found.expired) == (1, 0, 2)
    assert found.days == {int(APPEND_MS / 1000 // 86_400)}
