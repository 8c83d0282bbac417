"""`liveops replay`: an incident again, with the rules as they are or as they might be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from liveops.cli.options import DataDir, settings_for
from liveops.cli.rules import read_rules
from liveops.cli.users import with_database
from liveops.errors import LiveOpsError
from schema.rules import Rule
from schema.times import format_time


def command(
    incident: Annotated[str, typer.Argument(help="Id of the incident")],
    rules: Annotated[
        Path | None,
        typer.Option("--rules", exists=True, dir_okay=False, help="Rules to try, YAML or JSON"),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Run an incident again over its stored windows, with the rules in force or those of a file.

    The exit code is 0 when the same incident comes out, 3 when another does.
    """
    from liveops.postgres.rules import all_rules
    from liveops.rehearsing.incident import Replayed, replay

    async def call(database: Any) -> Replayed:
        stored = await all_rules(database)
        return await replay(database, incident, _tried(stored, rules))

    try:
        found = with_database(settings_for(data_dir), call)
    except LiveOpsError as error:
        raise typer.BadParameter(str(error)) from None
    _tell(found)
    raise typer.Exit(0 if found.is_same else 3)


def _tried(stored: list[Rule], file: Path | None) -> list[Rule]:
    """The rules of the file; those stored where none is given."""
    if file is None:
        return [rule for rule in stored if rule.enabled]
    return [rule for rule in read_rules(file.read_bytes()) if rule.enabled]


def _tell(found: Any) -> None:
    typer.echo(f"{found.incident.title}")
    typer.echo(f"{found.windows} windows, from {found.days_back:g} days before on")
    _tell_findings("told then", found.before)
    for number, again in enumerate(found.again, 1):
        _tell_findings(f"incident {number} now", again)
    if not found.again:
        typer.echo("now: no incident")
    typer.echo("the same incident" if found.is_same else "not the same incident")


def _tell_findings(title: str, findings: Any) -> None:
    typer.echo(f"{title}:")
    for one in sorted(findings, key=lambda one: one.onset_s):
        tags = f"{{{one.tags}}}" if one.tags else ""
        typer.echo(f"  {format_time(one.onset_s)}  {one.service}  {one.metric_type}{tags}")
