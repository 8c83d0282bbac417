"""`liveops bench`: the project's own benchmarks, on private servers."""

from __future__ import annotations

import asyncio
import json
import signal
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from liveops.bench.plan import EVENTS, FEWEST_EVENTS, RATE, Plan, Scenario
from liveops.cli.options import AsJson, DataDir
from liveops.errors import LiveOpsError

app = typer.Typer(no_args_is_help=True)


@app.callback()
def group() -> None:
    """Measure LiveOps on this machine, against baselines in the same run."""


@app.command("pipeline")
def pipeline(
    as_json: AsJson = False,
    events: Annotated[int, typer.Option(min=FEWEST_EVENTS, help="Events a scenario.")] = EVENTS,
    only: Annotated[list[Scenario] | None, typer.Option(help="Scenario; may be repeated.")] = None,
    rate: Annotated[int, typer.Option(min=1, help="Live events a second of `age`.")] = RATE,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="LIVEOPS_DATA_DIR",
            help="Where the private servers get a directory; the system's for temporary files.",
        ),
    ] = None,
) -> None:
    """Measure the stream engine: the metrics worker against raw aiokafka and stock Faust.

    Starts servers of its own and needs no running `liveops up`. Gives no figure unless all
    windows are right, also after a kill of the worker. Progress goes to standard error.
    """
    from liveops.bench.report import table

    plan = Plan(events, rate, only=tuple(only or ()), folder=data_dir)
    try:
        found = asyncio.run(_pipeline(plan))
    except asyncio.CancelledError:
        raise LiveOpsError("stopped by SIGTERM") from None
    if as_json:
        typer.echo(json.dumps(found))
    else:
        Console().print(table(found))


@app.command("ingest")
def ingest(
    as_json: AsJson = False,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds a step.")] = 8.0,
    data_dir: DataDir = None,
) -> None:
    """Measure `POST /api/metrics` of the whole product against a bare aiohttp handler.

    Starts servers and all workers of its own. Gives no figure when a request is refused.
    """
    from liveops.bench.ingest import run

    place = data_dir or Path(tempfile.gettempdir())
    found = asyncio.run(run(place, seconds, _say))
    _print(found, as_json=as_json)


@app.command("detect")
def detect(
    as_json: AsJson = False,
    probes: Annotated[int, typer.Option(min=3, help="Thresholds breached.")] = 60,
    seconds: Annotated[float, typer.Option(min=70, help="How long 10,000 series run.")] = 150.0,
    data_dir: DataDir = None,
) -> None:
    """Measure from a breach of a threshold to `GET /api/incidents`, and what detectors cost.

    Starts servers and all workers of its own. Gives no figure when a breach is not told.
    """
    from liveops.bench.detect import run

    found = asyncio.run(run(data_dir or Path(tempfile.gettempdir()), probes, seconds, _say))
    _print(found, as_json=as_json)


@app.command("live")
def live(
    as_json: AsJson = False,
    seconds: Annotated[float, typer.Option(min=5, help="Seconds a step.")] = 15.0,
    data_dir: DataDir = None,
) -> None:
    """Measure from `POST /api/metrics` to 200 WebSocket clients, 800 silent ones beside them.

    Starts servers and all workers of its own.
    """
    from liveops.bench.live import run

    found = asyncio.run(run(data_dir or Path(tempfile.gettempdir()), seconds, _say))
    _print(found, as_json=as_json)


@app.command("notify")
def notify(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Measure from 300 detections in 2 s to the webhook that is told of their incidents.

    Starts servers and all workers of its own.
    """
    from liveops.bench.notify import run

    found = asyncio.run(run(data_dir or Path(tempfile.gettempdir()), _say))
    _print(found, as_json=as_json)


@app.command("incidents")
def incidents(
    as_json: AsJson = False,
    stored: Annotated[
        int, typer.Option("--incidents", min=1000, help="Incidents to store.")
    ] = 100_000,
    rounds: Annotated[int, typer.Option(min=5, help="Answers of each question.")] = 100,
    data_dir: DataDir = None,
) -> None:
    """Measure lists, searches, summaries, statistics and bulk changes over stored incidents.

    Starts servers and all workers of its own.
    """
    from liveops.bench.incidents import run

    found = asyncio.run(run(data_dir or Path(tempfile.gettempdir()), stored, rounds, _say))
    _print(found, as_json=as_json)


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
        return
    grid = Table("figure", "value", box=None, pad_edge=False)
    for title, values in found.items():
        for name, value in values.items():
            grid.add_row(f"{title} {name}", f"{value:,}")
    Console().print(grid)


@app.command("query")
def query(
    as_json: AsJson = False,
    windows: Annotated[int, typer.Option(min=100_000, help="Windows to store.")] = 10_000_000,
    rounds: Annotated[int, typer.Option(min=5, help="Answers of each question.")] = 100,
    data_dir: DataDir = None,
) -> None:
    """Measure `GET /api/metrics/aggregated` over millions of stored windows.

    Starts servers and a metrics worker of its own; 10 million windows take some 8 GB of disk.
    """
    from liveops.bench.query import run

    place = data_dir or Path(tempfile.gettempdir())
    found = asyncio.run(run(place, windows, rounds, _say))
    if as_json:
        typer.echo(json.dumps(found))
        return
    grid = Table("figure", "value", box=None, pad_edge=False)
    for title, value in found.items():
        for name, one in (value if isinstance(value, dict) else {"": value}).items():
            grid.add_row(f"{title} {name}", f"{one:,}")
    Console().print(grid)


async def _pipeline(plan: Plan) -> dict[str, Any]:
    """A SIGTERM ends the servers too, as Ctrl-C does."""
    from liveops.bench.pipeline import run

    task = asyncio.ensure_future(run(plan, _say))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _say(line: str) -> None:
    typer.echo(line, err=True)
