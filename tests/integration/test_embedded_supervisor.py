"""The supervisor of `liveops up`, with fake workers: crashes, kill -9, second start."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from liveops.embedded import components
from liveops.embedded.components import Component
from liveops.embedded.layout import Layout
from tests.stack import temporary_data_dir

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 90.0


@pytest.fixture
def layout() -> Iterator[Layout]:
    with temporary_data_dir() as found:
        yield found


class Up:
    """A running `liveops up` and its output."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.output = layout.root / f"output-{time.monotonic_ns()}"
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.fake_up", str(layout.root)],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def text(self) -> str:
        return self.output.read_text()

    def wait_for_line(self, wanted: str) -> None:
        end = time.monotonic() + DEADLINE_S
        while wanted not in self.text():
            assert time.monotonic() < end, f"no {wanted!r} in:\n{self.text()}"
            assert self.process.poll() is None, f"ended without {wanted!r}:\n{self.text()}"
            time.sleep(0.05)

    def components(self) -> dict[str, Component]:
        return {c.name: c for c in asyncio.run(components.observe(components.read(self.layout)))}


@contextmanager
def up(layout: Layout) -> Iterator[Up]:
    """Started and ready; ended at the latest when the test ends."""
    running = Up(layout)
    try:
        running.wait_for_line("stop with Ctrl-C")
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
        running.process.wait(timeout=60)


def _pids(found: dict[str, Component]) -> set[int]:
    return {c.pid for c in found.values() if c.pid}


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_everything_is_up_and_sigterm_leaves_nothing(layout: Layout) -> None:
    with up(layout) as running:
        found = running.components()
        names = ["kafka", "postgres", "valkey", "auth", "metrics", "incidents", "analysis"]
        assert list(found) == [*names, "archive", "metrics-2"]
        assert {c.state for c in found.values()} == {"up"}
        assert layout.components.stat().st_mode & 0o777 == 0o600
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=60) == 0
    assert not [pid for pid in _pids(found) if _alive(pid)]
    order = [line for line in running.text().splitlines() if line.endswith(": stopped")]
    assert {line.split(":")[0] for line in order[-3:]} == {"kafka", "postgres", "valkey"}


def test_ctrl_c_while_starting_leaves_nothing(layout: Layout) -> None:
    starting = Up(layout)
    starting.wait_for_line("valkey: up")
    starting.process.send_signal(signal.SIGINT)
    assert starting.process.wait(timeout=60) == 0
    assert "stopping" in starting.text()
    assert "dashboard" not in starting.text()
    assert _using(layout) == []


def _using(layout: Layout) -> list[str]:
    """Command lines of living processes that name the data directory."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().decode("utf-8", "replace"))
        except OSError:
            continue  # it ended meanwhile
    return [line for line in lines if str(layout.root) in line]


def test_no_secret_reaches_the_output_or_the_logs(layout: Layout) -> None:
    with up(layout) as running:
        secrets = [path.read_text().strip() for path in layout.secrets.iterdir()]
        secrets += [
            user["password"] for user in json.loads(layout.credentials.read_text()).values()
        ]
        written = running.text() + "".join(p.read_text() for p in layout.logs.iterdir())
    assert len(secrets) == 4
    assert not [secret for secret in secrets if secret in written]


@pytest.mark.parametrize("name", ["metrics-2", "kafka", "postgres", "valkey"])
def test_a_killed_child_is_named_and_comes_back(layout: Layout, name: str) -> None:
    with up(layout) as running:
        before = running.components()[name].pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        running.wait_for_line(f"{name}: killed by SIGKILL")
        running.wait_for_line(f"{name}: up again")
        after = running.components()[name]
        assert after.state == "up"
        assert after.pid != before


def test_a_worker_that_hangs_is_replaced(layout: Layout) -> None:
    with up(layout) as running:
        before = running.components()["metrics"].pid
        assert before is not None
        os.kill(before, signal.SIGSTOP)
        running.wait_for_line("metrics: not alive, ending it")
        running.wait_for_line("metrics: up again")
        assert running.components()["metrics"].pid != before


def test_kill_9_of_the_supervisor_loses_nothing(layout: Layout) -> None:
    with up(layout) as first:
        old = first.components()
        asyncio.run(_insert(old["postgres"].url))
        first.process.kill()
        first.process.wait()
    assert [pid for pid in _pids(old) if _alive(pid)], "children outlive their supervisor"
    with up(layout) as second:
        new = second.components()
        assert {c.state for c in new.values()} == {"up"}
        assert not [pid for pid in _pids(old) if _alive(pid)]
        assert asyncio.run(_count(new["postgres"].url)) == 1


async def _insert(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    await connection.close()


async def _count(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    count: int = await connection.fetchval("SELECT count(*) FROM kept")
    await connection.close()
    return count


def test_a_second_up_is_refused_with_one_line(layout: Layout) -> None:
    with up(layout) as first:
        second = Up(layout)
        assert second.process.wait(timeout=30) != 0
        assert second.text().count("\n") == 1
        assert (
            f"already in use by another liveops process (pid {first.process.pid})" in second.text()
        )
        assert {c.state for c in first.components().values()} == {"up"}
