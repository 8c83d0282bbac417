"""The product on real processes, with what chaos needs: pids, kills, more and fewer copies.

Supervision is that of `liveops up`, in a thread of its own; the further copies of the
metrics worker are started with the same parts, so that there may also be fewer of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from liveops.embedded import part as parts
from liveops.embedded.layout import Layout
from liveops.embedded.part import Running
from liveops.embedded.process import Identity, is_running
from liveops.embedded.supervisor import Options, Supervisor
from liveops.embedded.workers import LIVEOPS, Copy, worker_part
from liveops.errors import StartError
from liveops.settings import load_settings
from tests.stack import AnyPort, TestStack, clean_environment, temporary_data_dir

T = TypeVar("T")
RESTART_S = 1.0
#: A copy that is not up by then comes later, e.g. once the broker is back.
COPY_DEADLINE_S = 30.0
START_DEADLINE_S = 180.0
STOP_DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this stack at one moment; the birth tells it from a later one."""

    name: str
    pid: int
    birth: str
    url: str
    up: bool

    @property
    def alive(self) -> bool:
        """Whether exactly this process still runs."""
        return is_running(Identity(self.pid, self.birth))


class Stack:
    """A stack in a thread; calls from outside go through its loop."""

    def __init__(self, layout: Layout, partitions: int, say: Callable[[str], None]) -> None:
        given = {
            "data_dir": layout.root,
            "partitions": partitions,
            "access_token_ttl_s": 86_400,
        }
        settings = load_settings(given, environment=clean_environment())
        options = Options(users=("admin", "engineer", "manager"), ports=AnyPort, sync=False)
        self.partitions = partitions
        self._tell = say
        self.supervisor = Supervisor(settings, options, self._say)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._stop = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._copies: dict[str, Running] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._ports = AnyPort("127.0.0.1")
        self._given: dict[str, int] = {}
        #: Ends that no kill of ours explains, e.g. of a worker that lost its broker.
        self.own_ends = 0

    def call(self, work: Coroutine[Any, Any, T], deadline_s: float) -> T:
        """Run a coroutine in the stack's own loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(deadline_s)

    def _say(self, text: str) -> None:
        self.own_ends += "ended with code" in text or "not alive" in text
        self._tell(text)

    def start(self) -> None:
        """Bring everything up and begin to watch."""
        self._thread.start()
        self.call(self._start(), START_DEADLINE_S)

    async def _start(self) -> None:
        await self.supervisor.start()
        self._watching = asyncio.create_task(self.supervisor.watch(self._stop, lambda _: None))

    def stop(self) -> None:
        """Stop everything; the loop ends with it."""
        try:
            self.call(self._end(), STOP_DEADLINE_S)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    async def _end(self) -> None:
        await self._resize(1, signal.SIGTERM)
        self._stop.set()
        if self._watching is not None:
            await self._watching
        await self.supervisor.stop()

    @property
    def client_stack(self) -> TestStack:
        """What the HTTP client of the tests wants."""
        text = self.supervisor.layout.credentials.read_text(encoding="utf-8")
        return TestStack(self.supervisor, json.loads(text))

    def url(self, name: str) -> str:
        """The address of a component for a client."""
        return self.supervisor.url(name)

    def processes(self) -> dict[str, Process]:
        """Everything that runs or should, by name."""
        found = {
            c.name: Process(c.name, c.pid, c.birth, c.url, c.state == "up")
            for c in self.supervisor.components
            if c.pid is not None
        }
        for name, running in list(self._copies.items()):
            identity = running.identity
            up = running.exit_code is None
            found[name] = Process(name, identity.pid, identity.birth, running.part.url, up)
        return found

    def metrics_workers(self) -> list[Process]:
        """The metrics workers that are up."""
        return [p for n, p in self.processes().items() if n.partition("-")[0] == "metrics" and p.up]

    async def until_up(self, name: str, within_s: float) -> Process | None:
        """The process once it is up; None when it does not come."""
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            process = self.processes().get(name)
            if process is not None and process.up and process.alive:
                return process
            await asyncio.sleep(0.05)
        return None

    def resize(self, copies: int, number: signal.Signals = signal.SIGTERM) -> None:
        """So many metrics workers from now on; the last ones go, by this signal."""
        self.call(self._resize(copies, number), START_DEADLINE_S)

    async def _resize(self, copies: int, number: signal.Signals) -> None:
        wanted = {f"metrics-{index}": index for index in range(2, copies + 1)}
        for name in [name for name in self._keepers if name not in wanted]:
            keeper = self._keepers.pop(name)
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await self._end_copy(name, number)
        for name, index in wanted.items():
            if name not in self._keepers:
                self._keepers[name] = asyncio.create_task(self._keep(name, index))
        deadline_s = time.monotonic() + COPY_DEADLINE_S
        while wanted.keys() - self._copies.keys() and time.monotonic() < deadline_s:
            await asyncio.sleep(0.1)

    async def _begin_copy(self, name: str, index: int) -> None:
        layout = self.supervisor.layout
        first = self.supervisor._running["metrics"].part.env or {}
        told = {k: v for k, v in first.items() if k.startswith("LIVEOPS_")}
        if name not in self._given:
            self._given[name] = self._ports.choose(name, 0)
        port = self._given[name]
        part = worker_part(Copy("metrics", index, port), "127.0.0.1", told, LIVEOPS)
        self._copies[name] = await parts.start(part, layout)
        self._say(f"{name}: up on {part.url}")

    async def _end_copy(self, name: str, number: signal.Signals) -> None:
        running = self._copies.pop(name, None)
        if running is None:
            return
        if number == signal.SIGKILL and is_running(running.identity):
            os.kill(running.identity.pid, number)
        obeyed = await parts.end(running, self.supervisor.layout)
        self._say(f"{name}: stopped" + ("" if obeyed else " by SIGKILL, it did not obey"))

    async def _keep(self, name: str, index: int) -> None:
        """Start the copy, again whenever it ends, as the supervisor does."""
        while True:
            try:
                await self._begin_copy(name, index)
                await self._until_ended(name)
            except StartError as error:
                self._say(str(error))
            await asyncio.sleep(RESTART_S)

    async def _until_ended(self, name: str) -> None:
        running = self._copies[name]
        while running.exit_code is None:
            await asyncio.sleep(0.2)
        how = "killed" if running.exit_code < 0 else f"ended with code {running.exit_code}"
        self._say(f"{name}: {how}; starting again in {RESTART_S:.0f} s")
        del self._copies[name]


@contextmanager
def running(
    partitions: int, copies: int, say: Callable[[str], None], logs: Path | None = None
) -> Iterator[Stack]:
    """A stack with empty servers and so many metrics workers; everything goes at the end.

    The logs of all processes are kept in `logs`, when it is given.
    """
    with temporary_data_dir() as layout:
        stack = Stack(layout, partitions, say)
        try:
            stack.start()
            stack.resize(copies)
            yield stack
        finally:
            stack.stop()
            if logs is not None:
                shutil.copytree(layout.root / "logs", logs, dirs_exist_ok=True)
