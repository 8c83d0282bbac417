"""Processes that can be trusted to be ours: pid plus moment of birth.

A pid alone proves nothing: it may belong to a zombie or, after a reboot or a
wrap-around, to a stranger. A pid file therefore also records when the process
was started, and only a living process with the same birth counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from liveops.embedded.secret_file import write_private

POLL_S = 0.05
#: Field numbers of /proc/PID/stat, counted after the command's closing bracket.
_STATE, _START_TICKS = 0, 19


@dataclass(frozen=True, slots=True)
class Identity:
    """One process and no other: `birth` is opaque, equal only for the same process."""

    pid: int
    birth: str


@dataclass(frozen=True, slots=True)
class PidRecord:
    """What a pid file holds: who, and how to end it politely."""

    pid: int
    birth: str
    kind: str
    stop_signal: int
    stop_deadline_s: float

    @property
    def identity(self) -> Identity:
        return Identity(self.pid, self.birth)


def identify(pid: int) -> Identity | None:
    """The living process with this pid; None when there is none or a zombie."""
    found = _from_proc(pid) if Path("/proc/self/stat").exists() else _from_ps(pid)
    if found is None or found[0] in "ZX":
        return None
    return Identity(pid, found[1])


def is_running(identity: Identity) -> bool:
    """True while exactly this process lives."""
    return identify(identity.pid) == identity


def _from_proc(pid: int) -> tuple[str, str] | None:
    """State letter and birth: the boot, and clock ticks since it (steady under clock steps)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return fields[_STATE], f"{boot}/{fields[_START_TICKS]}"


def _from_ps(pid: int) -> tuple[str, str] | None:
    """State letter and start time where there is no /proc (macOS)."""
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    state, _, started = output.strip().partition(" ")
    return (state, started.strip()) if state else None


def write_pid_file(path: Path, record: PidRecord) -> None:
    """Remember a started process."""
    write_private(path, json.dumps(asdict(record)))


def read_pid_file(path: Path) -> PidRecord | None:
    """The record of a process that still lives; None for a stale or broken file."""
    try:
        record = PidRecord(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return record if is_running(record.identity) else None


async def stop(identity: Identity, stop_signal: int, deadline_s: float) -> bool:
    """End a process: politely, and with SIGKILL after `deadline_s`. True when it obeyed."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    _send(identity, stop_signal)
    while is_running(identity):
        if loop.time() > end:
            _send(identity, signal.SIGKILL)
            while is_running(identity):
                await asyncio.sleep(POLL_S)
            return False
        await asyncio.sleep(POLL_S)
    return True


def _send(identity: Identity, number: int) -> None:
    if is_running(identity):
        try:
            os.kill(identity.pid, number)
        except ProcessLookupError:
            pass  # it ended between the look and the signal
