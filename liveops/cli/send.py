"""`liveops send`: metrics from a file or standard input, re-timed and paced."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from liveops.cli.options import DataDir, settings_for
from liveops.clock import SystemClock
from liveops.errors import InvalidInput, SettingsError
from liveops.ingest_client import IngestClient, read_password
from liveops.kafka.producer import Producer
from liveops.send.deliver import Deliver, deliver_all, over_http, over_kafka
from liveops.send.formats import Naming, read_rows
from liveops.send.retime import Retimer
from liveops.settings import Settings

USERS = ("engineer", "admin")


class Via(StrEnum):
    """Entrances."""

    http = "http"
    kafka = "kafka"


class Rebase(StrEnum):
    """Where the last time of the file goes."""

    now = "now"


@dataclass(frozen=True, slots=True)
class Request:
    """What to send and how."""

    path: Path
    naming: Naming
    via: Via
    rebase: bool
    compress: float
    speed: float | None
    token: str | None


def command(
    file: Annotated[str, typer.Argument(help="File, or - for standard input.")] = "-",
    via: Annotated[Via, typer.Option(help="Entrance.")] = Via.http,
    rebase: Annotated[Rebase | None, typer.Option(help="Shift times: the last is now.")] = None,
    speed: Annotated[float | None, typer.Option(min=0.001, help="Pace, N times faster.")] = None,
    compress: Annotated[float, typer.Option(min=0.001, help="Divide distances by N.")] = 1.0,
    service: Annotated[str | None, typer.Option(help="For files without service_name.")] = None,
    metric: Annotated[str | None, typer.Option(help="For files without metric_type.")] = None,
    token: Annotated[
        str | None, typer.Option(envvar="LIVEOPS_TOKEN", help="Bearer token to send with.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Send metrics: JSON array, NDJSON, or CSV of timestamp[,service_name,metric_type],value."""
    settings = settings_for(data_dir)
    naming = Naming(service, metric, SystemClock().now_s())
    with tempfile.TemporaryDirectory(prefix="liveops-send-") as folder:
        path = _seekable(file, Path(folder))
        request = Request(path, naming, via, rebase is not None, compress, speed, token)
        asyncio.run(_send(settings, request))


def _seekable(file: str, folder: Path) -> Path:
    """The file, or standard input spooled to disk: it is read twice."""
    if file != "-":
        if not Path(file).is_file():
            raise InvalidInput(f"{file}: no such file")
        return Path(file)
    spool = folder / "stdin"
    with spool.open("wb") as target:
        shutil.copyfileobj(sys.stdin.buffer, target)
    return spool


async def _send(settings: Settings, request: Request) -> None:
    total, last_s = _measure(request)
    now_s = request.naming.now_s
    anchor_s = now_s if request.rebase else last_s
    retimer = Retimer(last_s, anchor_s, now_s, request.compress)
    clock = SystemClock()
    began_s = clock.monotonic_s()
    with _progress_bar() as bar, request.path.open(encoding="utf-8", newline="") as source:
        task = bar.add_task("", total=total, rate="")

        def progress(count: int) -> None:
            done = bar.tasks[0].completed + count
            rate = done / max(clock.monotonic_s() - began_s, 1e-3)
            bar.update(task, completed=done, rate=f"{rate:.0f}/s")

        async with _entrance(settings, request) as deliver:
            rows = retimer.rows(read_rows(source, request.naming))
            sent = await deliver_all(rows, deliver, clock, request.speed, progress)
    print(f"sent {sent} metrics ({sent / max(clock.monotonic_s() - began_s, 1e-3):.0f}/s)")
    if retimer.too_old:
        print(f"left out {retimer.too_old} metrics older than 7 days")


def _measure(request: Request) -> tuple[int, float]:
    """Number of rows and the latest time; reads (and so checks) the whole file first."""
    count, last_s = 0, float("-inf")
    with request.path.open(encoding="utf-8", newline="") as source:
        for row in read_rows(source, request.naming):
            count += 1
            last_s = max(last_s, row.at_s)
    if not count:
        raise InvalidInput("there is no metric in the input")
    return count, last_s


def _progress_bar() -> Progress:
    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


@asynccontextmanager
async def _entrance(settings: Settings, request: Request) -> AsyncIterator[Deliver]:
    if request.via is Via.kafka:
        producer = Producer(settings)
        try:
            yield over_kafka(producer)
        finally:
            await producer.stop()
        return
    user, password = ("", "") if request.token else _credentials(settings)
    async with IngestClient(
        settings.auth_url,
        settings.metrics_url,
        token=request.token,
        username=user,
        password=password,
    ) as client:
        yield over_http(client)


def _credentials(settings: Settings) -> tuple[str, str]:
    """First user of `credentials.json` that may send."""
    for user in USERS[:-1]:
        with suppress(SettingsError):
            return user, read_password(settings.data_dir, user)
    return USERS[-1], read_password(settings.data_dir, USERS[-1])
