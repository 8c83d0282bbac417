"""`liveops send` as it is called: what it says, its exit code, and no traceback on any file."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from liveops.cli.send import command
from liveops.clock import SystemClock
from liveops.errors import InvalidInput, LiveOpsError, Unavailable
from liveops.send import job
from liveops.send.deliver import Deliver, Origin, Sendable
from schema.metrics import MetricFault
from schema.times import format_time

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(command)
GOOD = '{"service_name":"a","metric_type":"m","value":1}'
BAD = GOOD.replace("1}", "1e400}")
NAMES = ("--service", "s", "--metric", "m")


@dataclass
class Entrance:
    """Stands for LiveOps: takes batches until it is broken."""

    taken: list[Sendable] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    broken_after: int | None = None
    error: type[BaseException] = Unavailable

    @asynccontextmanager
    async def opened(self, _: job.Entrance, origin: Origin) -> AsyncIterator[Deliver]:
        async def deliver(rows: list[Sendable]) -> list[tuple[Sendable, MetricFault]]:
            self.keys.append(origin.batch_key(rows[0].number, repr(rows).encode()))
            if self.broken_after is not None and len(self.taken) >= self.broken_after:
                raise self.error("LiveOps")
            self.taken += rows
            return []

        yield deliver


@pytest.fixture
def entrance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Entrance:
    made = Entrance()
    monkeypatch.setattr(job, "entrance", made.opened)
    monkeypatch.setenv("LIVEOPS_DATA_DIR", str(tmp_path / "data"))
    return made


def send(content: bytes | str, *words: str) -> Result:
    return CliRunner().invoke(app, ["-", *words], input=content)


def test_a_bad_row_does_not_hold_the_others_back(entrance: Entrance) -> None:
    result = send(f"{GOOD}\n{BAD}\n{GOOD}\n")
    assert len(entrance.taken) == 2
    assert result.exit_code == 1
    assert "line 2: " in result.stderr
    assert "sent 2 metrics" in result.stdout
    assert "not sent: 1 (1 invalid)" in result.stdout


def test_skipping_what_is_invalid_is_no_failure(entrance: Entrance) -> None:
    result = send(f"{GOOD}\n{BAD}\n{GOOD}\n", "--skip-invalid")
    assert (result.exit_code, len(entrance.taken)) == (0, 2)
    assert "not sent: 1 (1 invalid)" in result.stdout


def test_twenty_bad_rows_are_named_and_all_are_counted(entrance: Entrance) -> None:
    result = send(f"{GOOD}\n" + f"{BAD}\n" * 25)
    assert result.stderr.count("line ") == 20
    assert "and 5 more" in result.stderr
    assert "not sent: 25" in result.stdout


def test_a_gap_stops_everything_unless_it_is_to_be_skipped(entrance: Entrance) -> None:
    text = "timestamp,value\n2030-01-01 00:00:00,1\n2030-01-01 00:01:00,\n"
    result = send(text, *NAMES, "--rebase", "now")
    assert isinstance(result.exception, InvalidInput)
    assert "line 3" in result.stderr
    assert entrance.taken == []
    result = send(text, *NAMES, "--rebase", "now", "--skip-invalid")
    assert (result.exit_code, len(entrance.taken)) == (0, 1)
    assert "not sent: 1 (1 gap)" in result.stdout


@pytest.mark.parametrize("days", [7, 8, 30])
def test_a_file_longer_than_a_week_can_be_rebased(entrance: Entrance, days: int) -> None:
    lines = [f"{hour * 3600},{hour}" for hour in range(days * 24 + 1)]
    result = send("timestamp,value\n" + "\n".join(lines), *NAMES, "--rebase", "now")
    assert result.exit_code == 0, result.output
    assert len(entrance.taken) == 7 * 24
    assert f"left out {days * 24 + 1 - 7 * 24} metrics older than 7 days" in result.stdout


def test_old_times_that_are_not_moved_are_refused_with_advice(entrance: Entrance) -> None:
    result = send("timestamp,value\n100,1\n", *NAMES)
    assert (result.exit_code, entrance.taken) == (1, [])
    assert "1 too_old" in result.stdout
    assert "--rebase now" in result.stdout


def rows(count: int) -> str:
    return "timestamp,value\n" + "\n".join(f"{second},1" for second in range(count))


def resumed(text: str, result: Result, entrance: Entrance) -> Result:
    told = f"{result.exception}\n{result.stderr}"
    words = told.split("repeat the command with ")[1].splitlines()[0].split()
    entrance.broken_after = None
    return send(text, *NAMES, *words)


def test_a_broken_connection_tells_how_to_resume_and_nothing_counts_twice(
    entrance: Entrance,
) -> None:
    text, entrance.broken_after = rows(2500), 2000
    result = send(text, *NAMES, "--rebase", "now")
    assert isinstance(result.exception, Unavailable)
    assert "2000 metrics acknowledged" in str(result.exception)
    assert "--skip 2000 --rebase 20" in str(result.exception)
    assert resumed(text, result, entrance).exit_code == 0
    assert [row.number for row in entrance.taken] == [*range(1, 2501)]
    # What was under way when it broke comes again under the same key.
    assert entrance.keys[2] == entrance.keys[3]
    assert len({*entrance.keys}) == 3
    steps = [row.metric.timestamp_s for row in entrance.taken]
    assert {b - a for a, b in pairwise(steps)} == {1.0}


def test_ctrl_c_tells_how_to_resume(entrance: Entrance) -> None:
    text = rows(2500)
    entrance.broken_after, entrance.error = 1000, KeyboardInterrupt
    result = send(text, *NAMES, "--rebase", "now")
    assert result.exit_code == 130
    assert "1000 metrics acknowledged" in result.stderr
    assert resumed(text, result, entrance).exit_code == 0
    assert [row.number for row in entrance.taken] == [*range(1, 2501)]


def test_a_time_may_be_named_for_the_last_row(entrance: Entrance) -> None:
    at_s = float(int(SystemClock().now_s()) - 3600)
    assert send(rows(2), *NAMES, "--rebase", format_time(at_s)).exit_code == 0
    assert [row.metric.timestamp_s for row in entrance.taken] == [at_s - 1, at_s]


@pytest.mark.parametrize(
    "words",
    [
        ("--tz", "Nowhere/None"),
        ("--tz", "../etc/passwd"),
        ("--tz", "America"),
        ("--unit", "h"),
        ("--rebase", "later"),
        ("--skip", "-1"),
    ],
)
def test_a_wrong_option_is_said_to_be_one(entrance: Entrance, words: tuple[str, str]) -> None:
    result = send(GOOD, *words)
    assert (result.exit_code, entrance.taken) == (2, [])


def test_local_times_are_read_in_the_zone_given(entrance: Entrance) -> None:
    now_s = SystemClock().now_s()
    local = format_time(float(int(now_s)) + 9 * 3600 - 60).replace("T", " ").rstrip("Z")
    assert send(f"timestamp,value\n{local},1\n", *NAMES, "--tz", "Asia/Tokyo").exit_code == 0
    assert entrance.taken[0].metric.timestamp_s == int(now_s) - 60


@pytest.mark.parametrize("name", ["", "missing", "folder", "\x00"])
def test_what_is_no_file_is_one_clear_line(entrance: Entrance, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    result = CliRunner().invoke(app, [str(tmp_path / name)])
    assert isinstance(result.exception, InvalidInput)
    assert "\n" not in str(result.exception)


def _check(result: Result) -> None:
    assert result.exit_code in (0, 1, 2)
    assert isinstance(result.exception, LiveOpsError | SystemExit | None), repr(result.exception)
    assert "Traceback" not in result.output


WRAPS: list[Callable[[bytes], bytes]] = [
    lambda data: data,
    gzip.compress,
    lambda data: gzip.compress(data)[:-4],
    lambda data: b"\xff\xfe" + data,
    lambda data: b"\xef\xbb\xbf" + data,
    lambda data: b"timestamp,value\n" + data,
    lambda data: b'timestamp;tags;value\n1;{"a":"' + data + b'"};1',
    lambda data: b"[" + data,
    lambda data: b'{"metrics":[' + data + b"]}",
    lambda data: b'{"metrics":' + data + b"}\n" + GOOD.encode(),
    lambda data: GOOD.encode()[:-1] + b',"timestamp":' + data + b"}",
    lambda data: GOOD.encode()[:-1] + b',"tags":{"a":"' + data + b'"}}\n{}',
]
_PARTS = b'" [ ] { } , : \\ 1e400 \\ud800 "metrics": "value" \x00 \xff - null nan 1'
SIGNS = st.lists(st.sampled_from([b" ", b"\n", b"\r", *_PARTS.split(b" ")]))


@given(
    st.binary() | st.text().map(lambda text: text.encode(errors="replace")) | SIGNS.map(b"".join),
    st.sampled_from(WRAPS),
    st.sampled_from([(), ("--rebase", "now", "--tz", "Europe/Berlin"), ("--skip-invalid",)]),
)
@example(b"[" * 200_000, WRAPS[0], ())
@example(b'{"a":' * 200_000, WRAPS[0], ())
@example(b'{"metrics":' * 200_000, WRAPS[0], ())
@example(b'"' * 300_000, WRAPS[5], ())
@example(b"9999-12-31 23:59:59,1\n0001-01-01 00:00:00,1", WRAPS[5], ("--rebase", "now"))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_at_all_make_a_traceback(
    entrance: Entrance,
    data: bytes,
    wrap: Callable[[bytes], bytes],
    words: tuple[str, ...],
) -> None:
    _check(send(wrap(data), *NAMES, *words))
