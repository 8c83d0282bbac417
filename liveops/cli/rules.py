"""`liveops rules`: rules as a file, for those who keep them under version control."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer

from liveops.cli.options import DataDir, settings_for
from liveops.cli.users import with_database
from liveops.detection.rules_plan import Change, plan
from liveops.errors import InvalidInput
from schema.rules import Rule

app = typer.Typer(help="Rules of the detectors, as a file.", no_args_is_help=True)

_SIGNS = {"add": "+", "change": "~", "remove": "-", "keep": "="}
_DONE = {"add": "added", "change": "changed", "remove": "removed", "keep": "unchanged"}


@app.command("export")
def export(data_dir: DataDir = None) -> None:
    """Print all rules as YAML, as `apply` reads them; defaults are left out."""
    import yaml

    from liveops.postgres.rules import all_rules

    rules = with_database(settings_for(data_dir), all_rules)
    document = {"rules": [_written(rule) for rule in rules]}
    typer.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)


@app.command("apply")
def apply(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML or JSON")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would change")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove the rules that are not in the file")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Make the rules those of a file; in force within two seconds.

    A rule of the file is the one with its id, else the one with its name.
    """
    from liveops.postgres.rules import all_rules

    wanted = read_rules(file.read_bytes())

    async def call(database: Any) -> list[Change]:
        changes = plan(await all_rules(database), wanted, prune=prune)
        for change in () if dry_run else changes:
            await _carry_out(database, change)
        return changes

    try:
        changes = with_database(settings_for(data_dir), call)
    except ValueError as error:
        raise InvalidInput(f"{file}: {error}", []) from None
    for change in changes:
        _tell(change)
    counts = [(sum(c.kind == kind for c in changes), word) for kind, word in _DONE.items()]
    would = "would be " if dry_run else ""
    typer.echo(", ".join(f"{count} {would}{word}" for count, word in counts if count))


async def _carry_out(database: Any, change: Change) -> None:
    from liveops.postgres.rules import add_rule, delete_rule, replace_rule

    if change.kind == "add":
        await add_rule(database, change.rule)
    elif change.kind == "change":
        await replace_rule(database, change.rule, expected_version=change.rule.version)
    elif change.kind == "remove":
        await delete_rule(database, change.rule.id)


def _tell(change: Change) -> None:
    if change.kind == "keep":
        return
    typer.echo(f"{_SIGNS[change.kind]} {change.rule.name}")
    for name, (before, after) in change.fields.items():
        typer.echo(f"    {name}: {before} -> {after}")


def read_rules(data: bytes) -> list[Rule]:
    """The rules of a file, checked as `POST /api/rules` does; raises InvalidInput."""
    import yaml

    try:
        document = yaml.safe_load(data.decode("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"neither YAML nor JSON: {' '.join(str(error).split())}", []) from None
    entries = document.get("rules") if isinstance(document, dict) else document
    if not isinstance(entries, list):
        raise InvalidInput("a list of rules is wanted, or an object with `rules`", [])
    return [_rule(number, entry) for number, entry in enumerate(entries, 1)]


def _rule(number: int, entry: Any) -> Rule:
    from pydantic import ValidationError

    from web.models.config import RuleBody

    if not isinstance(entry, dict):
        raise InvalidInput(f"rule {number} is no object", [])
    content = dict(entry)
    try:
        rule_id = str(UUID(str(content.pop("id")))) if "id" in content else str(uuid4())
        return Rule(id=rule_id, **RuleBody(**content).model_dump())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        name = f" ({entry['name']})" if "name" in entry else ""
        said = f"{where}: {first['msg']}" if where else first["msg"]
        raise InvalidInput(f"rule {number}{name}: {said}", []) from None
    except (ValueError, TypeError):
        raise InvalidInput(f"rule {number}: id is no UUID", []) from None


def _written(rule: Rule) -> dict[str, Any]:
    """A rule as a file has it: what is as by default is left out."""
    from msgspec import structs

    plain = structs.asdict(Rule(id="", name="", kind=rule.kind))
    content = structs.asdict(rule)
    return {
        name: value
        for name, value in content.items()
        if name in ("id", "name", "kind") or (name != "version" and value != plain[name])
    }
