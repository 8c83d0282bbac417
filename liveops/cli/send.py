"""`liveops send`: metrics from a file or standard input, re-timed and paced."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from datetime import UTC, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from liveops.cli.options import DataDir, settings_for
from liveops.clock import SystemClock
from liveops.send.job import PATIENCE_S, Entrance, Job, measured, send
from liveops.send.rows import Reading
from liveops.send.text import spooled
from liveops.send.times import FileTimes, Unit
from schema.times import parse_time_s

#: What the shell says of a command that Ctrl-C ended.
INTERRUPTED = 130


class Via(StrEnum):
    """Entrances."""

    http = "http"
    kafka = "kafka"


def _rebase(text: str) -> float:
    """`now` to the whole second, so that it can be repeated, or a time."""
    if text == "now":
        return float(int(SystemClock().now_s()))
    try:
        return parse_time_s(text)
    except ValueError as error:
        raise typer.BadParameter(f"neither `now` nor a time: {error}") from None


def zone(name: str) -> tzinfo:
    """A time zone by its name; raises typer.BadParameter."""
    if name.upper() in ("UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise typer.BadParameter("no time zone of that name") from None


def command(
    file: Annotated[str, typer.Argument(help="File, or - for standard input.")] = "-",
    via: Annotated[Via, typer.Option(help="Entrance.")] = Via.http,
    rebase: Annotated[
        float | None,
        typer.Option(parser=_rebase, metavar="now|TIME", help="Shift times: the last is now."),
    ] = None,
    speed: Annotated[float | None, typer.Option(min=0.001, help="Pace, N times faster.")] = None,
    compress: Annotated[float, typer.Option(min=0.001, help="Divide distances by N.")] = 1.0,
    service: Annotated[str | None, typer.Option(help="For files without service_name.")] = None,
    metric: Annotated[str | None, typer.Option(help="For files without metric_type.")] = None,
    unit: Annotated[
        Unit | None, typer.Option(help="Of Unix times; else told from their size.")
    ] = None,
    tz: Annotated[
        tzinfo, typer.Option(parser=zone, metavar="ZONE", help="Of times without an offset.")
    ] = "UTC",  # type: ignore[assignment]  # a default is parsed like an argument
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Leave out gaps and bad rows; exit code 0.")
    ] = False,
    skip: Annotated[int, typer.Option(min=0, help="Resume: leave out the first N rows.")] = 0,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds to try again when LiveOps does not answer.")
    ] = PATIENCE_S,
    token: Annotated[
        str | None, typer.Option(envvar="LIVEOPS_TOKEN", help="Bearer token to send with.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Send metrics: JSON, NDJSON, or a table of timestamp[,service_name,metric_type],value."""
    settings = settings_for(data_dir)
    reading = Reading(service, metric, FileTimes(unit, tz), SystemClock().now_s())
    entrance = Entrance(settings, via is Via.kafka, token, patience)
    with tempfile.TemporaryDirectory(prefix="liveops-send-") as folder:
        path = spooled(file, sys.stdin.buffer, Path(folder))
        job = Job(path, reading, entrance, rebase, compress, speed, skip, skip_invalid)
        try:
            asyncio.run(send(job, *measured(job)))
        except KeyboardInterrupt:
            print(f"liveops: interrupted; {job.how_to_resume()}", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None
    if job.outcome.refused.count and not skip_invalid:
        raise typer.Exit(1)
