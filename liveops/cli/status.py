"""`liveops status`: what runs here and whether it answers."""

from __future__ import annotations

import asyncio
import json

import typer
from rich.console import Console
from rich.table import Table

from liveops.cli.options import AsJson, DataDir
from liveops.embedded import components
from liveops.embedded.components import Component
from liveops.embedded.layout import Layout
from liveops.settings import load_settings

COLOURS = {"up": "green", "starting": "yellow", "down": "red"}


def command(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show every server and worker with pid, port and state; URLs hold passwords only in JSON."""
    settings = load_settings({"data_dir": data_dir})
    layout = Layout(settings.data_dir.expanduser().absolute())
    found = asyncio.run(components.observe(components.read(layout)))
    if as_json:
        typer.echo(json.dumps({"components": [component.public() for component in found]}))
    else:
        Console().print(_table(found))


def _table(found: list[Component]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("NAME", "KIND", "STATE", "PID", "PORT"):
        table.add_column(heading)
    for component in found:
        colour = COLOURS[component.state]
        table.add_row(
            component.name,
            component.kind,
            f"[{colour}]{component.state}[/{colour}]",
            str(component.pid or "-"),
            str(component.port or "-"),
        )
    return table
