"""What a record of metrics.raw may be, and what becomes of the rest."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from liveops.intake.decoded_record import DecodedRecord
from liveops.intake.record import decode_record

APPEND_S = 1_700_000_000.0
WEEK_S = 7 * 86_400.0
GOOD = {"service_name": "shop", "metric_type": "cpu", "value": 1}


def decode(value: Any) -> DecodedRecord:
    raw = value if isinstance(value, bytes) else orjson.dumps(value)
    return decode_record(raw, APPEND_S, WEEK_S)


def test_a_metric_without_time_takes_the_brokers() -> None:
    (metric,) = decode(GOOD).metrics
    assert metric.timestamp_s == APPEND_S
    assert metric.id == ""


def test_a_batch_counts_its_good_items_and_names_the_bad_ones() -> None:
    items = [
        {"metric_type": "cpu", "value": 1},
        {"metric_type": "cpu", "value": "x"},
        {"service_name": "other", "metric_type": "cpu", "value": 1},
        7,
        {"metric_type": "mem", "value": 2},
    ]
    got = decode({"service_name": "shop", "metrics": items})
    assert [metric.metric_type for metric in got.metrics] == ["cpu", "mem"]
    assert [(fault.reason, fault.index) for fault in got.faults] == [
        ("invalid", 1),
        ("invalid", 2),
        ("invalid", 3),
    ]
    assert got.items == [0, 4]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "not_json"),
        (b'{"a": NaN}', "not_json"),
        (b"\xff", "not_utf8"),
        (b" " * 10 + b"1" * 1_000_001, "too_large"),
        (b"[" * 100_000, "not_json"),
        (b"null", "invalid"),
        (b"[1]", "invalid"),
        ({"service_name": "shop", "metrics": []}, "invalid"),
        ({"service_name": "shop", "metrics": {}}, "invalid"),
        (GOOD | {"id": "not-a-uuid"}, "invalid"),
        (GOOD | {"value": True}, "invalid"),
        (GOOD | {"service_name": "a b"}, "invalid"),
        (GOOD | {"service_name": "a\n"}, "invalid"),
        (GOOD | {"tags": {"a": 1}}, "invalid"),
        (GOOD | {"tags": {str(n): "x" for n in range(17)}}, "invalid"),
        (GOOD | {"timestamp": APPEND_S + 601}, "future"),
        (GOOD | {"timestamp": APPEND_S - WEEK_S - 1}, "too_old"),
        (GOOD | {"timestamp": "2023-11-14 22:13:20"}, "invalid"),
    ],
)
def test_bad_records_are_named_by_reason(value: Any, reason: str) -> None:
    got = decode(value)
    assert [fault.reason for fault in got.faults] == [reason]
    assert not got.metrics


DEEP = b"[" * 3000 + b"]" * 3000
ODD = {
    "number": b'{"metric_type":"cpu","value":1e400}',
    "digits": b'{"metric_type":"cpu","value":' + b"9" * 5000 + b"}",
    "surrogate": b'{"metric_type":"cpu","value":1,"tags":{"a":"\\ud800"}}',
    "deep": b'{"metric_type":"cpu","value":1,"tags":' + DEEP + b"}",
    "deep_text": b'{"metric_type":"cpu","value":1,"x":["\\"]",' + DEEP + b"]}",
    "reserved": b'{"metric_type":"cpu","value":1,"tags":{"liveops_overflow":"true"}}',
    "empty": b"{}",
    "list": b"[]",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_is_odd_about_an_item_is_that_items_fault_only(odd: bytes) -> None:
    good = b'{"metric_type":"cpu","value":1}'
    got = decode(b'{"service_name":"shop","metrics":[' + b",".join([good, odd, good]) + b"]}")
    assert [(fault.reason, fault.index, fault.payload) for fault in got.faults] == [
        ("invalid", 1, odd)
    ]
    assert got.items == [0, 2]
    alone = decode(odd.replace(b"{", b'{"service_name":"shop",', 1).replace(b",}", b"}"))
    assert [fault.reason for fault in alone.faults] == ["invalid"]


def test_after_twenty_bad_items_one_fault_counts_the_rest() -> None:
    items = b",".join([b'{"metric_type":"cpu","value":"x"}'] * 9999)
    got = decode(b'{"service_name":"shop","metrics":[' + items + b"]}")
    assert len(got.faults) == 21
    assert [fault.more for fault in got.faults] == [0] * 20 + [9979]
    assert got.bad == 9999


def test_an_item_that_breaks_the_grammar_breaks_the_record() -> None:
    got = decode(b'{"service_name":"shop","metrics":[{"metric_type":"cpu","value":tru}]}')
    assert [fault.reason for fault in got.faults] == ["not_json"]


def test_a_long_text_that_is_no_json_is_no_item_that_is_too_long() -> None:
    assert [fault.reason for fault in decode(b"x" * 200_000).faults] == ["not_json"]
    assert [fault.reason for fault in decode(b'"' + b"x" * 200_000 + b'"').faults] == ["invalid"]
