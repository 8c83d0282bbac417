"""`liveops up`: start everything, keep it alive, stop it in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Annotated

import typer

from liveops.cli.options import DataDir
from liveops.embedded.first_users import ALONE, DEMO
from liveops.embedded.supervisor import Options, Supervisor
from liveops.embedded.workers import parse_scale
from liveops.runtime.ending import end
from liveops.settings import load_settings

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def command(
    demo: Annotated[bool, typer.Option(help="Also run the synthetic shop.")] = False,
    data_dir: DataDir = None,
    external: Annotated[bool, typer.Option(help="Start no server; all URLs are set.")] = False,
    scale: Annotated[str, typer.Option(help="Copies, e.g. metrics=2,incidents=2.")] = "",
) -> None:
    """Start servers, migrations, topics and workers; stop with Ctrl-C."""
    settings = load_settings({"data_dir": data_dir})
    with_demo = demo or settings.demo
    options = Options(
        demo=with_demo,
        users=DEMO if with_demo else ALONE,
        external=external,
        scale=parse_scale(scale),
    )
    supervisor = Supervisor(settings, options, say)
    asyncio.run(run_until_stopped(supervisor, say))


async def run_until_stopped(supervisor: Supervisor, say: Callable[[str], None]) -> None:
    """Start, tell where the dashboard is, watch; a signal stops everything in order."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        ignored = signal.getsignal(number) == signal.SIG_IGN
        if number != signal.SIGHUP or not ignored:  # `nohup` wants us to go on
            loop.add_signal_handler(number, stop.set)
    if not await _started(supervisor, stop):
        return
    try:
        say(f"dashboard: {supervisor.url('auth')}/")
        say(f"sign in as admin; the password is in {supervisor.layout.credentials}")
        say("stop with Ctrl-C")
        await supervisor.watch(stop, say)
    finally:
        await supervisor.stop()


async def _started(supervisor: Supervisor, stop: asyncio.Event) -> bool:
    """True when all is up; False when the operator did not want to wait for it."""
    starting = asyncio.create_task(supervisor.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        await starting
        return True
    say("stopping")
    await end(starting)
    return False


def say(line: str) -> None:
    # Not rich: logs hold brackets, and the output may be a pipe.
    typer.echo(line)
