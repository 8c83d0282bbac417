"""Records of other programs on metrics.raw: what each form gives, and what is told of the rest."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from liveops.intake.decoded_record import DecodedRecord
from liveops.intake.record import decode_record
from schema.times import format_time

NOW_S = 1_700_000_000.0
NOW_NS = 1_700_000_000_000_000_000
OURS = {"service_name": "shop", "metric_type": "cpu", "value": 1}
#: As Telegraf's documentation gives it, with a time of ours.
DOCKER: dict[str, Any] = {
    "fields": {"field_1": 30, "field_2": 4, "field_N": 59, "n_images": 660},
    "name": "docker",
    "tags": {"host": "raynor"},
    "timestamp": 1_700_000_000,
}
#: As Vector's documentation gives them.
COUNTER: dict[str, Any] = {
    "counter": {"value": 102.5},
    "kind": "absolute",
    "name": "requests_total",
    "namespace": "web",
    "tags": {"host": "a.internal", "code": "200"},
    "timestamp": format_time(NOW_S),
}

Row = tuple[str, str, float, dict[str, str], float]


def decode(value: Any) -> DecodedRecord:
    raw = value if isinstance(value, bytes) else orjson.dumps(value)
    return decode_record(raw, NOW_S, 7 * 86_400.0)


def rows(value: Any) -> list[Row]:
    """What a record without faults holds."""
    got = decode(value)
    assert not got.faults, got.faults
    assert got.items == list(range(len(got.items)))
    return [(m.service_name, m.metric_type, m.value, m.tags, m.timestamp_s) for m in got.metrics]


def told(value: Any) -> list[tuple[str, int | None, str]]:
    return [(fault.reason, fault.index, fault.detail) for fault in decode(value).faults]


def line(text: str) -> list[Row]:
    return rows(text.encode())


FOUR: list[Row] = [
    ("raynor", "docker.field_1", 30.0, {}, NOW_S),
    ("raynor", "docker.field_2", 4.0, {}, NOW_S),
    ("raynor", "docker.field_N", 59.0, {}, NOW_S),
    ("raynor", "docker.n_images", 660.0, {}, NOW_S),
]


def test_telegraf_alone_in_a_batch_in_a_list_and_in_lines() -> None:
    assert rows(orjson.dumps(DOCKER) + b"\n") == FOUR
    assert rows({"metrics": [DOCKER, DOCKER]}) == FOUR * 2
    assert rows([DOCKER, DOCKER]) == FOUR * 2
    assert rows(b"\r\n".join([orjson.dumps(DOCKER)] * 2)) == FOUR * 2


@pytest.mark.parametrize(
    "stamp", [1_700_000_000, 1_700_000_000_000, 1_700_000_000_000_000, NOW_NS, format_time(NOW_S)]
)
def test_telegraf_may_write_its_time_in_any_unit(stamp: int | str) -> None:
    assert rows(DOCKER | {"timestamp": stamp}) == FOUR


def test_fields_that_are_no_numbers_are_told_and_the_others_count() -> None:
    fields = {"up": True, "uptime": "1 day", "load": 0.5, "none": None, "huge": 10**18}
    value = orjson.dumps(DOCKER | {"fields": fields}).replace(b'"huge":1', b'"huge":1' + b"0" * 400)
    got = decode(value)
    assert [(m.metric_type, m.value) for m in got.metrics] == [("docker.load", 0.5)]
    assert got.items == [2]
    assert [(f.reason, f.index) for f in got.faults] == [("invalid", n) for n in (0, 1, 3, 4)]
    assert got.faults[1].detail == "fields.uptime: only a number is a value of a metric"
    assert got.faults[1].payload == value


def test_without_a_service_it_is_told_which_tags_might_name_it() -> None:
    for value in (DOCKER | {"tags": {}}, COUNTER | {"tags": {}}, b"cpu value=1"):
        why = "tags: none of service, service_name, job, app, host names the service"
        assert told(value) == [("invalid", 0, why)]


def test_vectors_counter_and_gauge() -> None:
    row = ("a.internal", "web/requests_total", 102.5, {"code": "200"}, NOW_S)
    assert rows(COUNTER) == [row]
    gauge = {name: item for name, item in COUNTER.items() if name not in ("counter", "namespace")}
    assert rows(gauge | {"gauge": {"value": -1}, "interval_ms": 10_000, "kind": "incremental"}) == [
        ("a.internal", "requests_total", -1.0, {"code": "200"}, NOW_S)
    ]


def test_vectors_histogram_summary_and_set() -> None:
    base = {name: item for name, item in COUNTER.items() if name != "counter"} | {"name": "t"}
    buckets = [{"upper_limit": 0.5, "count": 2}, {"upper_limit": 1.0, "count": 3}]
    histogram = {"buckets": [*buckets, {"upper_limit": None, "count": 1}], "count": 6, "sum": 9.5}
    found = [(m, v, t) for _, m, v, t, _ in rows(base | {"aggregated_histogram": histogram})]
    code = {"code": "200"}
    assert found == [
        ("web/t_bucket", 2.0, code | {"le": "0.5"}),
        ("web/t_bucket", 5.0, code | {"le": "1"}),
        ("web/t_bucket", 6.0, code | {"le": "+Inf"}),
        ("web/t_sum", 9.5, code),
        ("web/t_count", 6.0, code),
    ]
    summary = {"quantiles": [{"quantile": 0.99, "value": 7.0}], "count": 6, "sum": 9.5}
    found = [(m, v, t) for _, m, v, t, _ in rows(base | {"aggregated_summary": summary})]
    assert found == [
        ("web/t", 7.0, code | {"quantile": "0.99"}),
        ("web/t_sum", 9.5, code),
        ("web/t_count", 6.0, code),
    ]
    assert rows(base | {"set": {"values": ["a", "b"]}})[0][2] == 2.0
    samples: dict[str, Any] = {"samples": [{"value": 1.0, "rate": 1}], "statistic": "histogram"}
    ((reason, index, why),) = told(base | {"distribution": samples})
    assert (reason, index) == ("invalid", 0)
    assert why.startswith("distribution: has no value of its own")


def test_line_protocol_of_several_lines() -> None:
    text = (
        f"# a comment\r\n\r\ncpu,host=web-1,cpu=cpu0 usage_idle=98.5,n=3i,m=4u {NOW_NS}\r\n"
        "mem,host=web-2 free=1e3\n"
    )
    assert line(text) == [
        ("web-1", "cpu.usage_idle", 98.5, {"cpu": "cpu0"}, NOW_S),
        ("web-1", "cpu.n", 3.0, {"cpu": "cpu0"}, NOW_S),
        ("web-1", "cpu.m", 4.0, {"cpu": "cpu0"}, NOW_S),
        ("web-2", "mem.free", 1000.0, {}, NOW_S),
    ]


def test_line_protocol_with_escapes() -> None:
    text = r"my\ cpu\,x,host=a\ b,pa\=th=C:\new\,dir,k=\=v f\ 1=1,g=2"
    (first, second) = line(text)
    assert first[0].startswith("a_b.h")
    assert first[1].startswith("my_cpu_x.f_1.h")
    assert second[1].startswith("my_cpu_x.g.h")
    assert first[3] == {"pa=th": "C:\\new,dir", "k": "=v"}


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ('"text, with = and \\" in it"', "only a number is a value of a metric"),
        ("true", "a boolean is no value of a metric"),
        ("F", "a boolean is no value of a metric"),
        ("NaN", "only a number is a value of a metric"),
        ("9223372036854775808i", "only a number is a value of a metric"),
        ("-1u", "only a number is a value of a metric"),
        ("0x10", "only a number is a value of a metric"),
        ("1_000", "only a number is a value of a metric"),
        ("1e400", "must be a finite number"),
    ],
)
def test_a_field_of_a_line_that_is_no_number_is_told(field: str, why: str) -> None:
    got = decode(f"cpu,host=a f={field},g=1 {NOW_NS}".encode())
    assert [(m.metric_type, m.value) for m in got.metrics] == [("cpu.g", 1.0)]
    assert [(f.reason, f.index) for f in got.faults] == [("invalid", 0)]
    assert got.faults[0].detail.endswith(why)


def test_a_line_that_is_none_is_told_and_the_others_count() -> None:
    got = decode(b"cpu,host=a v=1\ngarbage\ncpu,host=a,host=b v=1\ncpu,host=a v=2 12x")
    assert [m.value for m in got.metrics] == [1.0]
    assert [(f.index, f.payload) for f in got.faults] == [
        (1, b"garbage"), (2, b"cpu,host=a,host=b v=1"), (3, b"cpu,host=a v=2 12x"),
    ]  # fmt: skip


@pytest.mark.parametrize("zeros", [0, 3, 6, 9])
def test_lines_may_write_their_time_in_any_unit(zeros: int) -> None:
    text = f"cpu,host=a v=1 1700000000{'0' * zeros}\ncpu,host=a v=1"
    assert line(text) == [("a", "cpu.v", 1.0, {}, NOW_S)] * 2
    assert [(r, i) for r, i, _ in told(b"cpu,host=a v=1 1")] == [("too_old", 0)]


@pytest.mark.parametrize(
    "value",
    [
        OURS | {"fields": {"a": 1}},
        OURS | {"gauge": {"value": 1}},
        DOCKER | {"gauge": {"value": 1}},
        COUNTER | {"gauge": {"value": 1}},
        b"level=info,x=1 took=5",
    ],
)
def test_what_may_be_two_forms_is_told_as_ambiguous(value: Any) -> None:
    ((reason, index, why),) = told(value)
    assert (reason, index) == ("invalid", 0)
    assert "ambiguous" in why


def test_ours_of_several_services_in_a_list_and_in_lines_and_in_metrics() -> None:
    other = OURS | {"service_name": "cart", "value": 2}
    found: list[Row] = [("shop", "cpu", 1.0, {}, NOW_S), ("cart", "cpu", 2.0, {}, NOW_S)]
    assert rows([OURS, other]) == found
    assert rows({"metrics": [OURS, other]}) == found
    text = b"\n" + orjson.dumps(OURS) + b"\r\n \r\n" + orjson.dumps(other) + b"\r\n\r\n"
    assert rows(text) == found
    assert rows(b"\xef\xbb\xbf" + text) == found
    assert rows(b"\xef\xbb\xbf" + orjson.dumps(OURS)) == found[:1]


def test_a_line_that_is_no_json_is_that_lines_fault() -> None:
    good = orjson.dumps(OURS)
    nan = good.replace(b":1", b":NaN")
    got = decode(b"\n".join([nan, good, b"{}", good]))
    assert got.items == [1, 3]
    assert [(f.reason, f.index, f.payload) for f in got.faults] == [
        ("not_json", 0, nan), ("invalid", 2, b"{}"),
    ]  # fmt: skip
    assert [(f.reason, f.index) for f in decode(good + b"\noops").faults] == [("not_json", 1)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b'{"a":1}x', "not_json"),
        (b'{"a":\n1', "not_json"),
        (b"[{}] []", "not_json"),
        (b'[{"service_name":"a","metric_type":"m","value":tru}]', "not_json"),
        (b"2026-11-25 ERROR code=5 was reset", "not_json"),
        (b'"cpu value=1"', "invalid"),
        (b"# only=this a=1", "not_json"),
        ({"metrics": [], "name": "x"}, "invalid"),
        ([], "invalid"),
        (b"cpu,host=a " + b",".join([b"f%d=1" % n for n in range(10_001)]), "too_large"),
    ],
)
def test_what_is_none_of_the_forms_is_one_fault(value: Any, reason: str) -> None:
    assert [(found, index) for found, index, _ in told(value)] == [(reason, None)]
    assert not decode(value).metrics


def test_sentinels_are_values_as_they_are() -> None:
    numbers = [-1, -9999, 2**63 - 1, 2**64 - 1, 1.7976931348623157e308, 5e-324, -0.0]
    fields = {f"f{n}": number for n, number in enumerate(numbers)}
    assert [row[2] for row in rows(DOCKER | {"fields": fields})] == [float(n) for n in numbers]


def test_an_item_that_cannot_be_read_is_that_items_fault() -> None:
    surrogate = b'{"name":"x","fields":{"a":1},"tags":{"host":"\\ud800"}}'
    value = b"[" + surrogate + b"," + orjson.dumps(OURS) + b"]"
    assert told(value) == [("invalid", 0, "a text is not Unicode: half a surrogate pair")]
    wrong = {"name": "x", "fields": [1], "tags": {"host": "a"}}
    assert [(r, i) for r, i, _ in told([OURS, wrong])] == [("invalid", 1)]
    many = {"tags": {"host": ["a", "b"]}}
    assert [(r, i) for r, i, _ in told(COUNTER | many)] == [("invalid", 0)]
