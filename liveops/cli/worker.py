"""`liveops worker NAME`: one worker, as `faust -A liveops.services.NAME worker` runs it."""

from __future__ import annotations

import asyncio
import gc
from importlib import import_module

from faust import Worker

from liveops import logs
from liveops.errors import SettingsError, StartError
from liveops.kafka.topics import check_topics
from liveops.runtime.app import LiveOpsApp
from liveops.runtime.retry import retrying
from liveops.services import PORTS
from liveops.settings import Settings

#: A worker started together with its broker, or during its restart, waits so long for it.
BROKER_WAIT_S = 20.0


async def _check_topics(settings: Settings) -> list[str]:
    """What is wrong with the topics; a broker that is just starting is waited for."""
    faults: list[str] = await retrying("the broker", within_s=BROKER_WAIT_S)(check_topics, settings)
    return faults


def use_uvloop() -> None:
    """The faster event loop, where there is one for this system."""
    try:
        import uvloop
    except ImportError:
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def tame_collector() -> None:
    """Look for garbage cycles seldom: what a worker holds is large, and hardly ever cyclic."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def run_worker(name: str, settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C; raises SettingsError or StartError before anything starts."""
    if name not in PORTS:
        raise SettingsError(f"no worker {name}; there are {', '.join(PORTS)}")
    logs.configure(settings, name)
    use_uvloop()
    faults = asyncio.run(_check_topics(settings))
    if faults:
        raise StartError(f"{faults[0]} (run `liveops topics`, or `liveops doctor` for more)")
    app: LiveOpsApp = import_module(f"liveops.services.{name}").build(settings)
    tame_collector()
    worker = Worker(app, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.execute_from_commandline()
