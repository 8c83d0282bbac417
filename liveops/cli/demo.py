"""`liveops demo`: the synthetic shop against a running LiveOps."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated

import typer

from liveops.cli.options import DataDir, settings_for
from liveops.client import AsyncClient
from liveops.clock import SystemClock
from liveops.demo import storm as stormy
from liveops.demo.run import Plan, run
from liveops.embedded.first_users import read_password
from liveops.settings import Settings

USER = "engineer"


def command(
    seed: Annotated[int | None, typer.Option(help="Seed of signals and faults.")] = None,
    rate: Annotated[float, typer.Option(min=0.1, max=20, help="Readings a second.")] = 1.0,
    duration: Annotated[float | None, typer.Option(min=1, help="Seconds of live data.")] = None,
    faults: Annotated[bool, typer.Option(help="Inject faults.")] = True,
    storm: Annotated[
        bool, typer.Option("--storm", help="24 services without a topology, slow at one moment.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Run a synthetic shop of 12 services and inject faults, announcing each."""
    plan = Plan(secrets.randbelow(1_000_000) if seed is None else seed, rate, duration, faults)
    asyncio.run(_run(settings_for(data_dir), plan, storm=storm))


async def _run(settings: Settings, plan: Plan, *, storm: bool) -> None:
    password = read_password(settings.data_dir, USER)
    client = AsyncClient(
        settings.metrics_url, auth_url=settings.auth_url, username=USER, password=password
    )
    async with client:
        perform = stormy.run if storm else run
        await perform(client, SystemClock(), plan, lambda line: print(line, flush=True))
