"""Pid files: only the living process that was started counts."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from liveops.embedded.process import (
    Identity,
    PidRecord,
    identify,
    is_running,
    read_pid_file,
    stop,
    write_pid_file,
)

SLEEP = [sys.executable, "-c", "import time; print('on', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('on', flush=True); time.sleep(60)",
]


def _spawn(command: list[str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"on\n"  # it has set its handlers
    return process


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = _spawn(SLEEP)
    yield process
    process.kill()
    process.communicate()


def _identity(process: subprocess.Popen[bytes]) -> Identity:
    identity = identify(process.pid)
    assert identity is not None
    return identity


def _record(identity: Identity) -> PidRecord:
    return PidRecord(identity.pid, identity.birth, "server", signal.SIGTERM, 1.0)


def test_a_living_process_is_recognised(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    record = _record(_identity(sleeper))
    write_pid_file(tmp_path / "a.pid", record)
    assert read_pid_file(tmp_path / "a.pid") == record


def test_a_zombie_is_not_alive(sleeper: subprocess.Popen[bytes]) -> None:
    identity = _identity(sleeper)
    assert sleeper.stdout is not None
    sleeper.send_signal(signal.SIGKILL)
    sleeper.stdout.read()  # its end of the pipe closes with it; nobody has waited for it yet
    while is_running(identity):
        pass
    assert sleeper.returncode is None
    assert identify(sleeper.pid) is None


def test_a_reused_pid_is_not_believed(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    stale = replace(_record(_identity(sleeper)), birth="an earlier boot/1")
    write_pid_file(tmp_path / "a.pid", stale)
    assert read_pid_file(tmp_path / "a.pid") is None


@pytest.mark.parametrize("text", ["", "12345", "{}", '{"pid":1}', "[1]", "\0"])
def test_a_broken_pid_file_counts_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.pid"
    path.write_text(text)
    assert read_pid_file(path) is None


def test_no_pid_file_is_none(tmp_path: Path) -> None:
    assert read_pid_file(tmp_path / "absent.pid") is None


async def test_stop_is_polite_first(sleeper: subprocess.Popen[bytes]) -> None:
    assert await stop(_identity(sleeper), signal.SIGTERM, 10.0)
    assert sleeper.wait() == -signal.SIGTERM


async def test_stop_kills_what_does_not_obey() -> None:
    process = _spawn(STUBBORN)
    assert not await stop(_identity(process), signal.SIGTERM, 0.2)
    assert process.wait() == -signal.SIGKILL
    process.communicate()


async def test_stop_spares_a_stranger(sleeper: subprocess.Popen[bytes]) -> None:
    stranger = replace(_identity(sleeper), birth="an earlier boot/1")
    assert await stop(stranger, signal.SIGKILL, 1.0)
    assert sleeper.poll() is None
