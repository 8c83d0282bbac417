"""Every form of a file becomes the same rows; what is bad is one row with its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from liveops.errors import InvalidInput
from liveops.send.formats import read_rows
from liveops.send.rows import Reading, Row
from liveops.send.text import look_through
from schema.metrics import Metric, MetricFault

NOW_S = 1_700_000_000.0
Kept = tuple[float, str, str, float]
ROWS: list[Kept] = [(100.0, "cart", "cpu", 1.5), (160.0, "cart", "cpu", 2.0)]
OBJECTS = [
    {"service_name": service, "metric_type": metric, "value": value, "timestamp": at_s}
    for at_s, service, metric, value in ROWS
]
LINES = "\n".join(map(json.dumps, OBJECTS))
LONG = "timestamp,service_name,metric_type,value\n100,cart,cpu,1.5\n160,cart,cpu,2\n"
SHORT = "timestamp,value\n1970-01-01 00:01:40,1.5\n160,2\n"


def rows_of(tmp_path: Path, content: bytes | str, reading: Reading | None = None) -> list[Row]:
    path = tmp_path / "file"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    named = Reading("cart", "cpu", now_s=NOW_S)
    return list(read_rows(look_through(path), reading or named))


def kept(rows: list[Row]) -> list[Kept]:
    return [
        (metric.timestamp_s, metric.service_name, metric.metric_type, metric.value)
        for metric in (row.verdict for row in rows)
        if isinstance(metric, Metric)
    ]


def faults(rows: list[Row]) -> list[tuple[int, str]]:
    return [(row.line, row.verdict.reason) for row in rows if isinstance(row.verdict, MetricFault)]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(json.dumps(OBJECTS), id="JSON array"),
        pytest.param("\n \n" + json.dumps(OBJECTS, indent=2), id="JSON array over lines"),
        pytest.param(LINES, id="NDJSON"),
        pytest.param("\n".join(json.dumps([each]) for each in OBJECTS), id="arrays by line"),
        pytest.param("\n".join(json.dumps(each, indent=1) for each in OBJECTS), id="pretty"),
        pytest.param("".join(map(json.dumps, OBJECTS)), id="concatenated"),
        pytest.param(json.dumps({"metrics": OBJECTS}), id="batch"),
        pytest.param(json.dumps({"metrics": OBJECTS}, indent=2), id="batch over lines"),
        pytest.param(
            json.dumps(
                {
                    "service_name": "cart",
                    "metrics": [{**o, "service_name": "cart"} for o in OBJECTS],
                }
            ),
            id="batch of one service",
        ),
        pytest.param(LONG, id="long table"),
        pytest.param("\n\n" + LONG, id="blank lines first"),
        pytest.param(LONG.replace("160", LONG.splitlines()[0] + "\n160"), id="joined files"),
        pytest.param(
            "value,metric_type,service_name,timestamp\n1.5,cpu,cart,100\n2,cpu,cart,160\n",
            id="another order",
        ),
        pytest.param(
            "\"Time\" , Service,'METRIC',Value\n100,cart,cpu,1.5\n160,cart,cpu,2", id="case"
        ),
        pytest.param("date;name;value\n100;cpu;1.5\n160;cpu;2\n", id="semicolons"),
        pytest.param("ts\tvalue\n100\t1.5\n160\t2\n", id="tabs"),
        pytest.param("100,cart,cpu,1.5\n160,cart,cpu,2\n", id="no header, four columns"),
        pytest.param("1970-01-01 00:01:40,1.5\n160,2\n", id="no header, two columns"),
        pytest.param("timestamp,host,value\n100,a,1.5\n160,b,2\n", id="extra column"),
        pytest.param(SHORT, id="short table"),
        pytest.param(SHORT.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(SHORT.replace("\n", "\r"), id="lone CR"),
        pytest.param(LINES.replace("\n", "\r"), id="NDJSON, lone CR"),
        pytest.param("\ufeff" + LINES, id="BOM, JSON"),
        pytest.param("\ufeff" + LONG, id="BOM, table"),
        pytest.param(b"\xff\xfe" + LONG.encode("utf-16-le"), id="UTF-16 LE"),
        pytest.param(b"\xfe\xff" + LINES.encode("utf-16-be"), id="UTF-16 BE"),
        pytest.param(gzip.compress(LONG.encode()), id="gzip"),
        pytest.param(gzip.compress(b"\xff\xfe" + LONG.encode("utf-16-le")), id="gzip, UTF-16"),
        pytest.param(
            "timestamp,h\xf6he,value\n100,\xe9,1.5\n160,,2\n".encode("latin-1"), id="Latin-1"
        ),
    ],
)
def test_all_forms_give_the_same_rows(tmp_path: Path, content: bytes | str) -> None:
    rows = rows_of(tmp_path, content)
    assert kept(rows) == ROWS
    assert [row.number for row in rows] == [1, 2]


GOOD = '{"service_name":"a","metric_type":"m","value":1,"timestamp":100}'


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param(GOOD.replace(":1,", ":1e400,"), "invalid", id="beyond a double"),
        pytest.param(GOOD.replace("}", ',"tags":{"a":"\\ud800"}}'), "invalid", id="lone surrogate"),
        pytest.param(
            GOOD.replace(":1,", ":" + "[" * 9000 + "]" * 9000 + ","), "invalid", id="deep"
        ),
        pytest.param('{"a":' * 9000 + "1" + "}" * 9000, "invalid", id="deep object"),
        pytest.param("[" * 9000 + "]" * 9000, "invalid", id="deep array"),
        pytest.param('{"service_name":', "not_json", id="cut off"),
        pytest.param("hello", "not_json", id="no JSON"),
        pytest.param("17", "invalid", id="no object"),
        pytest.param(GOOD.replace(":1,", ":true,"), "invalid", id="boolean"),
        pytest.param(GOOD.replace(":1,", ":null,"), "gap", id="null"),
        pytest.param(GOOD.replace(":1,", ": NaN,"), "gap", id="NaN"),
        pytest.param(GOOD.replace(":1,", ':"",'), "gap", id="empty text"),
        pytest.param(GOOD.replace(":1,", ":NaN,,"), "not_json", id="NaN and no JSON"),
        pytest.param(GOOD.replace('"value":1,', ""), "invalid", id="no value"),
        pytest.param(GOOD.replace(":100", ':"yesterday"'), "invalid", id="no time"),
        pytest.param(GOOD.replace(":100", ":true"), "invalid", id="time of a wrong kind"),
        pytest.param(GOOD.replace(":100", ":1e300"), "invalid", id="time beyond all"),
        pytest.param(GOOD.replace("}", ',"x":1}'), "invalid", id="unknown field"),
    ],
)
def test_a_bad_line_is_one_bad_item(tmp_path: Path, bad: str, reason: str) -> None:
    rows = rows_of(tmp_path, f"{GOOD}\n{bad}\n{GOOD}\n", Reading(now_s=NOW_S))
    assert faults(rows) == [(2, reason)]
    assert len(kept(rows)) == 2
    assert [row.number for row in rows] == [1, 2, 3]


@pytest.mark.parametrize("form", ["[%s,\n%s,\n%s]", '{"metrics":[\n%s,%s,\n%s]}', "[%s,%s,%s]"])
def test_a_bad_item_of_an_array_is_one_bad_item(tmp_path: Path, form: str) -> None:
    bad = GOOD.replace(":1,", ":1e400,")
    rows = rows_of(tmp_path, form % (GOOD, bad, GOOD), Reading(now_s=NOW_S))
    assert [reason for _, reason in faults(rows)] == ["invalid"]
    assert len(kept(rows)) == 2
    assert [row.line for row in rows] == {
        "[": [1, 2, 3] if "\n" in form else [1, 1, 1],
        "{": [2, 2, 3],
    }[form[0]]


def test_damaged_utf8_is_a_fault_of_its_line_only(tmp_path: Path) -> None:
    tagged = GOOD.replace("}", ',"tags":{"city":"Zürich"}}').encode()
    rows = rows_of(tmp_path, tagged + b"\n" + tagged[:-4] + b"\xff" + tagged[-4:])
    assert [line for line, _ in faults(rows)] == [2]
    assert isinstance(rows[0].verdict, Metric)
    assert rows[0].verdict.tags == {"city": "Zürich"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("100,x", "invalid"),
        ("100,1e400", "invalid"),
        ("100,1_0", "invalid"),
        ("100,inf", "invalid"),
        ("yesterday,1", "invalid"),
        ("nan,1", "invalid"),
        ("100", "invalid"),
        ("100,1,2", "invalid"),
        ("100,", "gap"),
        ("100,NaN", "gap"),
        ("100,null", "gap"),
        ("100, - ", "gap"),
        ('100,"' + "9" * 200_000 + '"', "invalid"),
    ],
)
def test_a_bad_row_of_a_table_is_one_bad_row(tmp_path: Path, row: str, reason: str) -> None:
    rows = rows_of(tmp_path, f"timestamp,value\n100,1\n{row}\n160,2\n")
    assert faults(rows) == [(3, reason)]
    assert len(kept(rows)) == 2


def test_tags_come_from_their_columns(tmp_path: Path) -> None:
    text = 'Timestamp,value,Tags,tag:Pod\n100,1,"{""a"":""b""}",p1\n100,2,,\n100,3,[],x\n'
    rows = rows_of(tmp_path, text)
    assert [r.verdict.tags for r in rows if isinstance(r.verdict, Metric)] == [
        {"a": "b", "Pod": "p1"},
        {},
    ]
    assert faults(rows) == [(4, "invalid")]


def test_columns_that_are_not_read_are_told_once(tmp_path: Path) -> None:
    reading = Reading("cart", "cpu", now_s=NOW_S)
    rows_of(tmp_path, "timestamp,host,value,zone\n100,a,1,z\n", reading)
    rows_of(tmp_path, "timestamp,host,value,zone\n100,a,1,z\n", reading)
    assert reading.told == ["columns not read: host, zone"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("a,b\n1,2\n", "unknown format", id="foreign header"),
        pytest.param("0.5,0.6,0.7\n", "unknown format", id="numbers only"),
        pytest.param(bytes(range(256)) * 9, "binary", id="binary"),
        pytest.param(gzip.compress(LONG.encode())[:-9], "gzip", id="gzip cut off"),
        pytest.param(b"\x1f\x8bnot really", "gzip", id="no gzip"),
    ],
)
def test_a_file_that_is_none_is_one_clear_line(
    tmp_path: Path, content: bytes | str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        rows_of(tmp_path, content)


def test_a_table_without_names_needs_them(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--service and --metric"):
        rows_of(tmp_path, "timestamp,value\n1,2\n", Reading(now_s=NOW_S))


def test_names_stand_in_for_those_that_an_object_lacks(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, '{"value":1.5,"timestamp":100}\n{}\n' + json.dumps(OBJECTS[1]))
    assert kept(rows) == ROWS
    assert faults(rows) == [(2, "invalid")]


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "") == rows_of(tmp_path, " \n\n") == rows_of(tmp_path, "[]") == []


def test_a_row_may_say_its_kind(tmp_path: Path) -> None:
    table = "timestamp,value,kind\n100,1,counter\n160,2,\n220,3,gouge\n"
    rows = rows_of(tmp_path, table)
    assert [row.verdict.kind for row in rows if isinstance(row.verdict, Metric)] == [
        "counter",
        "gauge",
    ]
    assert [line for line, _ in faults(rows)] == [4]


def test_a_start_is_a_time_of_the_file(tmp_path: Path) -> None:
    counter = OBJECTS[0] | {"kind": "counter", "once": True}
    lines = [counter | {"start": start} for start in (90, "1970-01-01 00:00:30", 101)]
    rows = rows_of(tmp_path, "\n".join(map(json.dumps, lines)))
    starts = [row.verdict.start_s for row in rows if isinstance(row.verdict, Metric)]
    assert starts == [90.0, 30.0]
    assert len(faults(rows)) == 1
