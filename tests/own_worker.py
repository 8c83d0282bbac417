"""A worker of a test's own on the test servers, to be killed and started again."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field

from liveops.embedded import workers
from liveops.embedded.layout import Layout
from liveops.embedded.part import Running, end, spawn
from liveops.settings import Settings
from tests.stack import AnyPort, TestServers

HOST = "127.0.0.1"


@dataclass(slots=True)
class OwnWorker:
    """Start, kill and stop it; `told` are further variables of its environment."""

    servers: TestServers
    settings: Settings
    running: Running | None = None
    name: str = "archive"
    told: Mapping[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start it; returns at once."""
        copies = workers.plan({}, AnyPort(HOST))
        copy = next(item for item in copies if item.name == self.name)
        told = {
            "LIVEOPS_CONFIG": os.devnull,
            "LIVEOPS_DATA_DIR": str(self.servers.data_dir),
            "LIVEOPS_BROKER_URL": self.servers.broker_url,
            "LIVEOPS_DATABASE_URL": self.servers.database_url,
            "LIVEOPS_REDIS_URL": self.servers.redis_url,
            "LIVEOPS_JWT_SECRET": "x" * 40,
            **self.told,
        }
        part = workers.worker_part(copy, HOST, told, workers.LIVEOPS)
        self.running = spawn(part, Layout(self.servers.data_dir))

    def kill(self) -> None:
        """SIGKILL."""
        if self.running is not None:
            self.running.process.send_signal(signal.SIGKILL)
            self.running.process.wait()
            self.running = None

    async def stop(self) -> bool:
        """SIGTERM; whether it obeyed within its deadline."""
        running, self.running = self.running, None
        return running is None or await end(running, Layout(self.servers.data_dir))
