"""`liveops rca` as it is called: files of every make in, the contract's document out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from liveops.cli.commands import app
from schema.times import format_time

START = 1_700_000_040
CALLS = {"edges": [{"from": "front", "to": "back"}, {"from": "front", "to": "idle"}]}


def rows(stamp: Any = str) -> list[str]:
    """Forty quiet minutes and four with a slow `back`."""
    found = []
    for minute in range(-40, 4):
        at = stamp(START + 60 * minute)
        slow = 400 if minute >= 0 else 0
        found += [f"{at},front,latency_ms,{100 + minute % 5 + slow}"]
        found += [f"{at},back,latency_ms,{50 + minute % 3 + slow}"]
        found += [f"{at},{name},requests,{100 + minute % 7}" for name in ("front", "back")]
    return found


def call(folder: Path, lines: list[str], *more: str, at: str = str(START), mark: str = "") -> Any:
    header = "timestamp,service_name,metric_type,value"
    (folder / "m.csv").write_bytes((mark + "\r\n".join([header, *lines])).encode())
    (folder / "t.json").write_text(mark + json.dumps(CALLS))
    files = ["--metrics", str(folder / "m.csv"), "--topology", str(folder / "t.json")]
    return CliRunner().invoke(app, ["rca", *files, "--at", at, *more])


def test_the_document_is_the_contracts(tmp_path: Path) -> None:
    got = call(tmp_path, rows(), "--json")
    assert got.exit_code == 0, got.output
    document = json.loads(got.stdout)
    assert document["verdict"] == "cause_found"
    first = document["ranking"][0]
    assert (first["service_name"], first["metric_type"]) == ("back", "latency_ms")
    assert first["evidence"][0].startswith("back latency_ms has the median 450.5 ms, 51 ms before")
    assert sorted(e["service_name"] for e in document["ranking"]) == ["back", "front", "idle"]


@pytest.mark.parametrize("stamp", [str, format_time, lambda t: f"{t}.0"])
@pytest.mark.parametrize("at", [str(START), format_time(START)])
def test_times_of_either_form_and_a_byte_order_mark(tmp_path: Path, stamp: Any, at: str) -> None:
    got = call(tmp_path, rows(stamp), "--json", at=at, mark="\ufeff")
    assert json.loads(got.stdout)["ranking"][0]["service_name"] == "back"


def test_symptom_and_explanation(tmp_path: Path) -> None:
    symptom = ["--symptom-service", "front", "--symptom-metric", "latency_ms"]
    got = call(tmp_path, rows(), *symptom, "--explain")
    assert got.stdout.startswith("cause: back (")
    assert "1. back: weight" in got.stdout
    assert "s of waiting more than usual" in got.stdout


def test_changes_are_read_and_told(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps([{"service_name": "back", "at": START - 120}]))
    got = call(tmp_path, rows(), "--changes", str(tmp_path / "c.json"))
    assert "back was changed (deploy)" in got.stdout


def test_bad_rows_are_counted_and_gaps_are_none(tmp_path: Path) -> None:
    bad = ["soon,a,b,1", "1700000000,a,b,much", "1700000000,a", "1700000000,,b,1"]
    gaps = [f"{START},back,latency_ms,", f"{START},back,latency_ms,NaN"]
    got = call(tmp_path, rows() + bad + gaps, "--json")
    assert json.loads(got.stdout)["ranking"][0]["service_name"] == "back"
    assert "4 rows of" in got.stderr


def test_no_metrics_at_all_is_inconclusive(tmp_path: Path) -> None:
    document = json.loads(call(tmp_path, [], "--json").stdout)
    assert document["verdict"] == "inconclusive"
    assert len(document["ranking"]) == 3


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("m.csv", "time,value\n1,2\n", "column"),
        ("t.json", '{"edges": {}}', "edges"),
        ("t.json", '{"edges": [{"from": "a"}]}', "edge 0"),
        ("t.json", "{", "t.json"),
        ("m.csv", b"\xff\xfe\x00", "m.csv"),
    ],
)
def test_unreadable_files_are_named(
    tmp_path: Path, name: str, text: str | bytes, told: str
) -> None:
    call(tmp_path, rows())
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    files = ["--metrics", str(tmp_path / "m.csv"), "--topology", str(tmp_path / "t.json")]
    got = CliRunner().invoke(app, ["rca", *files, "--at", str(START)])
    assert got.exit_code == 2
    # Messages are broken into lines within a frame.
    assert "".join(told.split()) in "".join(c for c in got.output if c.isalnum() or c in "_.")


def test_a_time_without_an_offset_is_refused(tmp_path: Path) -> None:
    got = call(tmp_path, rows(), at="2023-11-14 22:14:00")
    assert got.exit_code == 2
    assert "--at" in got.output
