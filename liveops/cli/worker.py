"""`liveops worker NAME`: one worker, as `faust -A liveops.services.NAME worker` runs it."""

from __future__ import annotations

import asyncio
import gc
from importlib import import_module

import structlog
from faust import Worker

from liveops import logs
from liveops.errors import SettingsError, StartError, Unavailable
from liveops.kafka.app import LiveOpsApp
from liveops.kafka.topics import check_topics
from liveops.services import PORTS
from liveops.settings import Settings

log = structlog.get_logger(__name__)
#: A worker started together with its broker, or during its restart, waits so long for it.
BROKER_WAIT_S = 20.0


async def _check_topics(settings: Settings) -> list[str]:
    """What is wrong with the topics; a broker that is just starting is waited for."""
    deadline_s = asyncio.get_running_loop().time() + BROKER_WAIT_S
    while True:
        try:
            return await check_topics(settings)
        except Unavailable as error:
            if asyncio.get_running_loop().time() > deadline_s:
                raise
            log.warning("waiting for the broker", error=str(error))
            await asyncio.sleep(1.0)


def tame_collector() -> None:
    """Look for garbage cycles seldom: what a worker holds is large, and hardly ever cyclic."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def run_worker(name: str, settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C; raises SettingsError or StartError before anything starts."""
    if name not in PORTS:
        raise SettingsError(f"no worker {name}; there are {', '.join(PORTS)}")
    logs.configure(settings, name)
    faults = asyncio.run(_check_topics(settings))
    if faults:
        raise StartError(f"{faults[0]} (run `liveops topics`, or `liveops doctor` for more)")
    app: LiveOpsApp = import_module(f"liveops.services.{name}").build(settings)
    tame_collector()
    worker = Worker(app, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.execute_from_commandline()
