"""`liveops topology`: who calls whom as a file, for those who keep it under version control."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from liveops.cli.options import DataDir, settings_for
from liveops.cli.users import with_database
from liveops.clock import SystemClock
from liveops.errors import InvalidInput

app = typer.Typer(help="The declared call graph, as a file.", no_args_is_help=True)
Call = tuple[str, str]


@app.command("export")
def export(data_dir: DataDir = None) -> None:
    """Print what is declared as YAML, as `apply` reads it."""
    import yaml

    edges = [{"from": a, "to": b} for a, b in with_database(settings_for(data_dir), _declared)]
    typer.echo(yaml.safe_dump({"edges": edges}, sort_keys=False, allow_unicode=True), nl=False)


@app.command("apply")
def apply(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML or JSON")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would change")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Make the declared calls those of a file; what was learned stays."""
    from liveops.postgres.topology import declare_topology

    wanted = read_calls(file.read_bytes())

    async def call(database: Any) -> list[Call]:
        before = await _declared(database)
        if not dry_run:
            await declare_topology(database, wanted, SystemClock().now_s())
        return before

    before = with_database(settings_for(data_dir), call)
    added, removed = sorted(set(wanted) - set(before)), sorted(set(before) - set(wanted))
    for sign, calls in (("+", added), ("-", removed)):
        for caller, callee in calls:
            typer.echo(f"{sign} {caller} -> {callee}")
    would = "would be " if dry_run else ""
    kept = len(set(before) & set(wanted))
    typer.echo(f"{len(added)} {would}added, {len(removed)} {would}removed, {kept} unchanged")


async def _declared(database: Any) -> list[Call]:
    from liveops.postgres.topology import read_topology

    edges = await read_topology(database)
    return [(edge.caller, edge.callee) for edge in edges if edge.source == "declared"]


def read_calls(data: bytes) -> list[Call]:
    """The calls of a file, checked as `PUT /api/topology` does; raises InvalidInput.

    A list of `{"from", "to"}`, or the same under `edges`.
    """
    import yaml
    from pydantic import ValidationError

    from web.models.config import TopologyBody

    try:
        document = yaml.safe_load(data.decode("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"neither YAML nor JSON: {' '.join(str(error).split())}", []) from None
    edges = document.get("edges") if isinstance(document, dict) else document
    if edges is None:
        raise InvalidInput("a list of calls is wanted, or an object with `edges`", [])
    try:
        body = TopologyBody(edges=edges)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"{where}: {first['msg']}", []) from None
    return [(edge.caller, edge.callee) for edge in body.edges]
