"""One part of the local stack, server or worker: how to start, await and end it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from liveops.embedded.layout import Layout
from liveops.embedded.logs import last_line, open_log
from liveops.embedded.process import (
    Identity,
    PidRecord,
    identify,
    read_pid_file,
    stop,
    write_pid_file,
)
from liveops.errors import StartError

Kind = Literal["server", "worker", "demo"]
READY_POLL_S = 0.1
#: Leftovers are stopped in this order: users of the servers before the servers.
KINDS: tuple[Kind, ...] = ("demo", "worker", "server")


@dataclass(frozen=True, slots=True)
class User:
    """The uid and gid a server runs as when we are root."""

    uid: int
    gid: int


def _nothing() -> None:
    """Most parts need no preparation before each start."""


@dataclass(frozen=True, slots=True)
class Part:
    """What to run. `is_ready` gets the pid and may be asked any number of times.

    An exit within `retry_s` of the first try is tried again: the traces of a
    killed predecessor take a moment to go.
    """

    name: str
    kind: Kind
    command: tuple[str, ...]
    port: int
    url: str
    is_ready: Callable[[int], Awaitable[bool]]
    env: Mapping[str, str] | None = None
    before_start: Callable[[], None] = _nothing
    user: User | None = None
    cwd: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_deadline_s: float = 15.0
    start_deadline_s: float = 60.0
    retry_s: float = 0.0


@dataclass(slots=True)
class Running:
    """A started part."""

    part: Part
    process: subprocess.Popen[bytes]
    identity: Identity
    log: Path
    started_s: float = field(default_factory=time.monotonic)

    @property
    def exit_code(self) -> int | None:
        """None while it lives; negative: the number of the signal that ended it."""
        return self.process.poll()


async def start(part: Part, layout: Layout) -> Running:
    """Start a part and wait until it is ready.

    Raises StartError, with the last line of its log, when it exits or is late;
    nothing is left running then.
    """
    began_s = time.monotonic()
    while True:
        running = spawn(part, layout)
        try:
            if await _became_ready(running, began_s + part.start_deadline_s):
                return running
        except BaseException:
            await end(running, layout)
            raise
        if time.monotonic() - began_s > part.retry_s:
            layout.pid_file(part.name).unlink(missing_ok=True)
            raise StartError(_why(running, f"ended with code {running.exit_code}"))
        await asyncio.sleep(1.0)


def spawn(part: Part, layout: Layout) -> Running:
    """Start the process in a session of its own: Ctrl-C reaches only the supervisor."""
    part.before_start()
    log = layout.log(part.name)
    user = part.user
    with open_log(log) as output:
        try:
            process = subprocess.Popen(
                part.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=part.env,
                cwd=part.cwd,
                start_new_session=True,
                user=user.uid if user else None,
                group=user.gid if user else None,
                extra_groups=[] if user else None,
            )
        except OSError as error:
            raise StartError(f"{part.name}: {part.command[0]}: {error.strerror}") from None
    identity = identify(process.pid) or Identity(process.pid, "")
    record = PidRecord(
        identity.pid, identity.birth, part.kind, part.stop_signal, part.stop_deadline_s
    )
    write_pid_file(layout.pid_file(part.name), record)
    return Running(part, process, identity, log)


async def _became_ready(running: Running, deadline_s: float) -> bool:
    """False when the process exits first; StartError when the deadline passes."""
    while running.exit_code is None:
        if await running.part.is_ready(running.process.pid):
            return True
        if time.monotonic() > deadline_s:
            raise StartError(_why(running, f"not ready in {running.part.start_deadline_s:.0f} s"))
        await asyncio.sleep(READY_POLL_S)
    return False


def _why(running: Running, what: str) -> str:
    return f"{running.part.name} {what}: {last_line(running.log)} (see {running.log})"


async def end(running: Running, layout: Layout) -> bool:
    """Stop a part; True when it obeyed within its deadline."""
    part = running.part
    obeyed = await stop(running.identity, part.stop_signal, part.stop_deadline_s)
    await asyncio.to_thread(running.process.wait)
    layout.pid_file(part.name).unlink(missing_ok=True)
    return obeyed


async def stop_leftovers(layout: Layout, say: Callable[[str], None]) -> None:
    """Stop what a killed supervisor left running; only verified processes are touched."""
    records = {path: read_pid_file(path) for path in sorted(layout.run.glob("*.pid"))}
    for kind in KINDS:
        alive = {p: r for p, r in records.items() if r is not None and r.kind == kind}
        for path, record in alive.items():
            say(f"{path.stem}: stopping the one left by an earlier run (pid {record.pid})")
        await asyncio.gather(
            *(stop(r.identity, r.stop_signal, r.stop_deadline_s) for r in alive.values())
        )
    for path in records:
        path.unlink(missing_ok=True)
