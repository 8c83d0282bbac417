"""`liveops backtest` as it is called: a row in, a row out, whatever the form of the file."""

from __future__ import annotations

import gzip
import json
import sys
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from liveops.cli.backtest import Config, Run, command
from liveops.cli.backtest_plot import Drawn
from liveops.errors import InvalidInput
from liveops.send.formats import read_rows
from liveops.send.rows import Reading
from liveops.send.text import look_through
from liveops.send.times import FileTimes

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(command)
STEP_S = 300
#: A level with small waves, and an excursion in its last rows.
VALUES = [100 + (7 * k % 11) / 2 for k in range(400)] + [260.0] * 8


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def told(result: Result) -> list[dict[str, Any]]:
    """Without the file's name."""
    return [{k: v for k, v in row.items() if k != "file"} for row in rows(result)]


def stamp(row: int) -> str:
    minute = row * STEP_S // 60
    return f"2026-03-{1 + minute // 1440:02}T{minute // 60 % 24:02}:{minute % 60:02}:00Z"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    lines = [f"{stamp(k)},{value}" for k, value in enumerate(VALUES)]
    path.write_text("\n".join(["timestamp,value", *lines]) + "\n")
    return path


def test_each_row_is_told_in_order_with_what_the_contract_names(file: Path) -> None:
    found = rows(call(str(file), "--json"))
    assert [row["value"] for row in found] == VALUES
    assert [row["timestamp"] for row in found] == [stamp(k) for k in range(len(VALUES))]
    assert {row["file"] for row in found} == {str(file)}
    assert set(found[0]) == {
        "file", "timestamp", "value", "anomaly_score", "is_anomaly", "detector",
        "expected", "lower", "upper",
    }  # fmt: skip


def test_the_excursion_is_one_alarm_at_its_start_and_only_there_over_a_half(file: Path) -> None:
    found = rows(call(str(file), "--json"))
    starts = [k for k, row in enumerate(found) if row["is_anomaly"]]
    assert len(starts) == 1
    assert 400 <= starts[0] <= 402
    assert [k for k, row in enumerate(found) if row["anomaly_score"] > 0.5] == starts
    at = found[starts[0]]
    assert at["lower"] < at["expected"] < at["upper"] < at["value"]


def test_a_row_does_not_depend_on_the_rows_after_it(file: Path, tmp_path: Path) -> None:
    whole = told(call(str(file), "--json"))
    for count in (5, 13, 14, 200, 401):
        short = tmp_path / "short.csv"
        short.write_text("".join(file.read_text().splitlines(keepends=True)[: count + 1]))
        assert told(call(str(short), "--json")) == whole[:count]


def test_files_of_one_call_do_not_touch_each_other(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "b.csv"
    other.write_text(file.read_text().replace("260.0", "1"))
    both = rows(call(str(other), str(file), "--json"))
    assert both == rows(call(str(other), "--json")) + rows(call(str(file), "--json"))


def test_every_form_that_send_takes_is_read_alike(file: Path, tmp_path: Path) -> None:
    plain = told(call(str(file), "--json"))
    zipped = tmp_path / "a.csv.gz"
    zipped.write_bytes(gzip.compress(file.read_bytes()))
    spaced = tmp_path / "spaced.tsv"
    spaced.write_text(file.read_text().replace(",", "\t").replace("T", " ").replace("Z", ""))
    long = tmp_path / "long.csv"
    head, *lines = file.read_text().splitlines()
    cells = [line.split(",") for line in lines]
    long.write_text(
        "\n".join(["timestamp,service_name,metric_type,value", *(f"{t},s,m,{v}" for t, v in cells)])
    )
    assert head == "timestamp,value"
    for form in (zipped, spaced, long):
        assert told(call(str(form), "--json")) == plain


def test_series_of_one_file_are_judged_apart(file: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.csv"
    _, *lines = file.read_text().splitlines()
    cells = [line.split(",") for line in lines]
    both = [f"{t},{s},m,{v if s == 'a' else 5}" for t, v in cells for s in ("a", "b")]
    mixed.write_text("\n".join(["timestamp,service_name,metric_type,value", *both]))
    found = told(call(str(mixed), "--json"))
    assert found[::2] == told(call(str(file), "--json"))
    assert not any(row["is_anomaly"] for row in found[1::2])


def test_a_gap_keeps_its_row_and_is_no_error(file: Path) -> None:
    lines = file.read_text().splitlines()
    lines[100] = lines[100].split(",")[0] + ","
    file.write_text("\n".join(lines))
    found = rows(call(str(file), "--json"))
    assert len(found) == len(VALUES)
    assert found[99]["value"] is None
    assert found[99]["anomaly_score"] == 0


def test_a_bad_row_keeps_its_place_and_ends_in_exit_code_1(file: Path) -> None:
    lines = file.read_text().splitlines()
    lines[100] = "yesterday,5"
    file.write_text("\n".join(lines))
    result = call(str(file), "--json")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == len(VALUES)
    assert "line 101" in result.stderr


def test_one_detector_and_the_bar_can_be_chosen(file: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text('detector = "zscore"\none_alarm_in_days = 100000\n')
    strict = rows(call(str(file), "--json", "--config", str(config)))
    assert {row["detector"] for row in strict} == {"zscore"}
    free = rows(call(str(file), "--json", "--detector", "zscore"))
    assert max(row["anomaly_score"] for row in strict) < max(row["anomaly_score"] for row in free)


@pytest.mark.parametrize("text", ["detectr = 1", "one_alarm_in_days = 0", "= 3"])
def test_a_bad_configuration_is_one_line(file: Path, tmp_path: Path, text: str) -> None:
    config = tmp_path / "c.toml"
    config.write_text(text)
    result = call(str(file), "--config", str(config))
    assert isinstance(result.exception, InvalidInput)


def test_without_json_alarms_are_told_in_lines(file: Path) -> None:
    result = call(str(file))
    assert result.stdout.splitlines()[-1] == f"{file}: {len(VALUES)} rows, 1 alarm"


def test_a_picture_is_drawn_beside_the_rows(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    plain = call(str(file), "--json")
    drawn = call(str(file), "--json", "--plot", str(picture))
    assert rows(drawn) == rows(plain)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_what_is_drawn_is_what_was_judged(file: Path) -> None:
    drawn: dict[tuple[str, str], Drawn] = {}
    reading = Reading("file", "value", FileTimes(None, UTC), 1.8e9)
    run = Run(str(file), Config(), drawn=drawn)
    found = list(run.results(read_rows(look_through(file), reading)))
    (one,) = drawn.values()
    assert one.value == VALUES
    assert one.alarms == [k for k, row in enumerate(found) if row.is_anomaly]
    assert [round(score, 6) for score in one.score] == [row.anomaly_score for row in found]


def test_without_matplotlib_the_picture_is_refused_in_one_line(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = call(str(file), "--plot", str(tmp_path / "a.png"))
    assert isinstance(result.exception, InvalidInput)
    assert "pip install matplotlib" in str(result.exception)


@pytest.mark.parametrize("name", ["a.txt", "none/a.png"])
def test_a_picture_that_cannot_be_written_is_refused(file: Path, tmp_path: Path, name: str) -> None:
    assert isinstance(call(str(file), "--plot", str(tmp_path / name)).exception, InvalidInput)
