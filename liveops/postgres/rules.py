"""Rules in PostgreSQL; each change is told to the workers through `liveops.config`."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import structs

from liveops.detection.defaults import REPLACED, SEEDS
from liveops.errors import NotFound, StaleVersion
from liveops.outbox import enqueue
from liveops.postgres.database import Database
from liveops.postgres.queries import load
from schema.config import RULE
from schema.rules import Rule
from schema.topics import CONFIG


async def all_rules(database: Database) -> list[Rule]:
    """Every rule, oldest first; raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(load("config")["rules"])
    return [_rule(row) for row in rows]


async def fetch_rule(database: Database, rule_id: str) -> Rule:
    """One rule; raises NotFound or Unavailable."""
    async with database.connection() as con:
        row = await con.fetchrow(load("config")["rule"], rule_id)
    if row is None:
        raise NotFound("no rule with this id")
    return _rule(row)


def _rule(row: Any) -> Rule:
    return structs.replace(msgspec.convert(row["definition"], Rule), version=row["version"])


async def add_rule(database: Database, rule: Rule) -> bool:
    """Store a rule and tell the workers; False when its id exists. Raises Unavailable."""
    async with database.transaction() as con:
        return await _insert(con, rule)


async def _insert(con: Any, rule: Rule) -> bool:
    definition = msgspec.to_builtins(rule)
    if await con.fetchval(load("config")["insert_rule"], rule.id, definition) is None:
        return False
    await enqueue(con, CONFIG, RULE + rule.id, msgspec.json.encode(rule))
    return True


async def replace_rule(
    database: Database, rule: Rule, *, expected_version: int | None = None
) -> Rule:
    """Put a rule in the place of the one with its id, with the next version.

    Raises NotFound, StaleVersion or Unavailable.
    """
    async with database.transaction() as con:
        version = await con.fetchval(load("config")["lock_rule"], rule.id)
        if version is None:
            raise NotFound("no rule with this id")
        if expected_version not in (None, version):
            raise StaleVersion(f"the rule is at version {version}")
        fresh = structs.replace(rule, version=version + 1)
        definition = msgspec.to_builtins(fresh)
        await con.execute(load("config")["update_rule"], rule.id, definition, fresh.version)
        await enqueue(con, CONFIG, RULE + rule.id, msgspec.json.encode(fresh))
    return fresh


async def delete_rule(database: Database, rule_id: str) -> None:
    """Remove a rule; raises NotFound or Unavailable."""
    async with database.transaction() as con:
        if not await _delete(con, rule_id):
            raise NotFound("no rule with this id")


async def _delete(con: Any, rule_id: str) -> bool:
    if await con.fetchval(load("config")["delete_rule"], rule_id) is None:
        return False
    await enqueue(con, CONFIG, RULE + rule_id, None)
    return True


async def seed_default_rules(database: Database) -> bool:
    """Add the default rules, each once in a database's life; raises Unavailable.

    What takes the place of former defaults comes only where one of those was left as it was.
    """
    added = is_new = False
    async with database.transaction() as con:
        for name, rules in SEEDS.items():
            if await con.fetchval(load("config")["begin_defaults"], name) is None:
                continue
            is_new = is_new or name == ""
            replaced = [rule for rule in REPLACED.get(name, ()) if await _drop_unchanged(con, rule)]
            if name in REPLACED and not is_new and not replaced:
                continue
            added = True
            for rule in rules:
                await _insert(con, rule)
    return added


async def _drop_unchanged(con: Any, rule: Rule) -> bool:
    row = await con.fetchrow(load("config")["rule"], rule.id)
    return row is not None and _rule(row) == rule and await _delete(con, rule.id)
