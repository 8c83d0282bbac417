"""`liveops bench`: the project's own benchmarks, on private servers."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from liveops.bench.plan import EVENTS, FEWEST_EVENTS, RATE, Plan, Scenario
from liveops.cli.options import AsJson
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


async def _pipeline(plan: Plan) -> dict[str, Any]:
    """A SIGTERM ends the servers too, as Ctrl-C does."""
    from liveops.bench.pipeline import run

    task = asyncio.ensure_future(run(plan, _say))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _say(line: str) -> None:
    typer.echo(line, err=True)
