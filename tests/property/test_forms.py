"""Whatever lies on metrics.raw: reading it never fails, and what counts is a metric."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from liveops.intake.record import decode_record
from schema.metrics import MetricFault, MetricIn, judge

NOW_S = 1_700_000_000.0
WEEK_S = 7 * 86_400.0
REASONS = {"not_json", "not_utf8", "invalid", "too_large", "empty", "future", "too_old"}
#: Values, names and times as senders write them, and as they should not.
ODD: Any = st.sampled_from(
    [1, -0.5, 2**63, 10**400, 1e308, "", "1", "NaN", None, True, [], {}, [[1]], "ü\x00", "a b",
     NOW_S, NOW_S * 1e9, "2023-11-14T22:13:20Z", {"value": 1}, {"value": "x"}, {"host": "a"},
     {"a": 1, "b": "c"}]
)  # fmt: skip
FIELDS = (
    "service_name", "metric_type", "value", "tags", "timestamp", "id", "metrics", "fields", "name",
    "namespace", "kind", "counter", "gauge", "set", "aggregated_histogram", "distribution",
)  # fmt: skip
GOOD: Any = st.sampled_from(
    [
        {"service_name": "shop", "metric_type": "cpu", "value": 1},
        {"name": "m", "fields": {"a": 1, "b": 2.5}, "tags": {"host": "h"}, "timestamp": 1.7e18},
        {"name": "m", "kind": "absolute", "tags": {"job": "j"}, "gauge": {"value": 0}},
    ]
)
OBJECTS = GOOD | st.builds(
    lambda good, odd: good | odd, GOOD, st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=2)
)
ITEMS = st.lists(OBJECTS | ODD, max_size=4)


def lines(items: list[Any]) -> bytes:
    return "\n".join(map(json.dumps, items)).encode()


JSON = (
    OBJECTS.map(lambda item: json.dumps(item).encode())
    | ITEMS.map(lambda items: json.dumps(items).encode())
    | ITEMS.map(lambda items: json.dumps({"metrics": items}).encode())
    | ITEMS.map(lambda items: json.dumps({"service_name": "s", "metrics": items}).encode())
    | ITEMS.map(lines)
)
MEASUREMENTS = st.lists(
    st.sampled_from(["cpu", ",", "=", " ", "\\", '"', "\n", "host", "a", "1", "i", "u", ".5", "#",
                     "service=x", " v=1", "\t", "1700000000000000000", "-", "é"]),
    max_size=12,
).map(lambda parts: "".join(parts).encode())  # fmt: skip
#: Bytes that replace some others of a record.
DAMAGE = st.tuples(st.integers(0, 60), st.integers(0, 3), st.sampled_from(
    [b"", b"{", b"}", b"[", b"]", b'"', b"\\", b",", b"\n", b"\xff", b"\xef\xbb\xbf", b"\\ud800"]
))  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(JSON | MEASUREMENTS | st.binary(max_size=30), st.none() | DAMAGE)
@example(b"[" * 100_000, None)
@example(b'{{"metrics": 1}', None)
@example(json.dumps({"name": "m", "fields": {"a": 10**400}, "tags": {"host": "h"}}).encode(), None)
@example(b'{"metrics":' + b"[" * 100_000, None)
@example(b'{"fields":' + b'{"a":' * 100_000, None)
@example(b"a,b=c " + b"\\" * 100_000, None)
@example(b"a b=" + b"1," * 100_000, None)
def test_reading_never_fails(value: bytes, damage: tuple[int, int, bytes] | None) -> None:
    if damage is not None:
        at, length, other = damage
        value = value[:at] + other + value[at + length :]
    got = decode_record(value, NOW_S, WEEK_S)
    assert {fault.reason for fault in got.faults} <= REASONS
    places = [*got.items, *(fault.index for fault in got.faults if fault.index is not None)]
    assert len({*places}) == len(places)
    assert got.items == sorted(got.items)
    for metric in got.metrics:
        again = MetricIn(
            metric.service_name, metric.metric_type, metric.value, metric.tags, metric.timestamp_s
        )
        assert not isinstance(judge(again, NOW_S, WEEK_S), MetricFault)
    assert got.metrics or got.faults
