"""A private stack for one measurement: fresh servers on free ports, one worker.

The worker is started by the code, command and environment of `liveops up`, with default
settings: neither our environment's settings nor a `faust.cfg` reach it.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from liveops.embedded import workers
from liveops.embedded.layout import Layout, exclusive, is_held
from liveops.embedded.part import Part, Running, end, spawn, start, stop_leftovers
from liveops.embedded.pghome import ROOT_ONLY_BASE
from liveops.embedded.ports import PortBook
from liveops.embedded.secret_file import kept_secret
from liveops.embedded.servers import Servers, start_servers
from liveops.kafka.topics import ensure_topics
from liveops.postgres.migrate import migrate
from liveops.settings import Settings

Say = Callable[[str], None]
HOST = "127.0.0.1"
WORKER = "metrics"
PREFIX = "liveops-bench-"


class AnyPort(PortBook):
    """Never the usual port: a benchmark runs beside a `liveops up`."""

    def choose(self, name: str, usual: int) -> int:
        return super().choose(name, 0)


@dataclass(slots=True)
class PrivateStack:
    """Running servers and, from `spawn_worker` on, the worker under test."""

    layout: Layout
    servers: Servers
    settings: Settings
    worker: Running | None = field(default=None)
    others: list[Running] = field(default_factory=list)

    @property
    def broker(self) -> str:
        return self.servers.url("kafka")

    @property
    def partitions(self) -> int:
        return self.settings.partitions

    def spawn_worker(self, name: str = WORKER) -> Running:
        """Start the worker; returns at once."""
        self.worker = spawn(self._part(name, {}), self.layout)
        return self.worker

    async def start_worker(self, **settings: object) -> Running:
        """Start the worker, with settings that differ from the defaults; returns when ready."""
        self.worker = await start(self._part(WORKER, settings), self.layout)
        return self.worker

    async def start_all(self, **settings: object) -> dict[str, int]:
        """Start every worker, as `up` does; returns their ports by name."""
        copies = workers.plan({}, AnyPort(HOST))
        for copy in copies:
            self.others.append(await start(self._part_of(copy, copies, settings), self.layout))
        return {copy.name: copy.port for copy in copies}

    def pid(self, name: str) -> int:
        """The process of a worker that `start_all` started."""
        return next(one.process.pid for one in self.others if one.part.name == name)

    async def stop_all(self) -> None:
        """End what `start_all` started."""
        while self.others:
            await end(self.others.pop(), self.layout)

    def kill_worker(self) -> None:
        """SIGKILL, as a crash would end it."""
        if self.worker is not None:
            self.worker.process.send_signal(signal.SIGKILL)
            self.worker.process.wait()
            self.worker = None

    async def stop_worker(self) -> None:
        """SIGTERM, as `up` stops it."""
        if self.worker is not None:
            await end(self.worker, self.layout)
            self.worker = None

    def _part(self, name: str, settings: dict[str, object]) -> Part:
        copies = workers.plan({}, AnyPort(HOST))
        copy = next(item for item in copies if item.name == name)
        return self._part_of(copy, copies, settings)

    def _part_of(
        self, copy: workers.Copy, copies: list[workers.Copy], settings: dict[str, object]
    ) -> Part:
        told = {
            "LIVEOPS_CONFIG": os.devnull,
            "LIVEOPS_DATA_DIR": str(self.layout.root),
            "LIVEOPS_BROKER_URL": self.broker,
            "LIVEOPS_DATABASE_URL": self.servers.url("postgres"),
            "LIVEOPS_REDIS_URL": self.servers.url("valkey"),
            "LIVEOPS_JWT_SECRET": kept_secret(self.layout.secrets, "jwt"),
        }
        told |= {f"LIVEOPS_{name.upper()}": str(value) for name, value in settings.items()}
        told |= workers.base_urls(copies, HOST)
        return workers.worker_part(copy, HOST, told, workers.LIVEOPS)


@asynccontextmanager
async def private_stack(place: Path, say: Say) -> AsyncIterator[PrivateStack]:
    """Empty servers with schema and topics, in a new directory in `place`.

    All is stopped and removed at the end.
    """
    async with _data_dir(place, say) as layout:
        servers = await start_servers(layout, say, ports=AnyPort(HOST), sync=False)
        settings = Settings(data_dir=layout.root, broker_url=servers.url("kafka"))
        stack = PrivateStack(layout, servers, settings)
        try:
            await migrate(servers.url("postgres"))
            await ensure_topics(settings)
            yield stack
        finally:
            stack.kill_worker()
            await stack.stop_all()
            await servers.stop()


@asynccontextmanager
async def _data_dir(place: Path, say: Say) -> AsyncIterator[Layout]:
    place.mkdir(parents=True, exist_ok=True)
    layout = Layout(Path(tempfile.mkdtemp(prefix=PREFIX, dir=place)).absolute())
    try:
        if os.geteuid() == 0:
            layout.root.chmod(0o711)  # PostgreSQL then runs as nobody and passes through
        layout.create()
        with exclusive(layout):
            try:
                yield layout
            finally:
                await stop_leftovers(layout, say)
    finally:
        _remove(layout)


async def sweep(place: Path, say: Say) -> None:
    """End the servers and remove the data of a benchmark that was killed."""
    for root in place.glob(f"{PREFIX}*"):
        layout = Layout(root)
        if layout.lock.exists() and not is_held(layout):
            await stop_leftovers(layout, say)
            _remove(layout)


def _remove(layout: Layout) -> None:
    outside = layout.postgres.resolve()
    if ROOT_ONLY_BASE in outside.parents:
        shutil.rmtree(outside, ignore_errors=True)
    shutil.rmtree(layout.root, ignore_errors=True)
