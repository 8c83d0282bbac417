"""Rules in PostgreSQL; each change is told to the workers through `liveops.config`."""

from __future__ import annotations

import msgspec
from msgspec import structs

from liveops.detection.defaults import DEFAULT_RULES
from liveops.errors import NotFound
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
    return [
        structs.replace(msgspec.convert(row["definition"], Rule), version=row["version"])
        for row in rows
    ]


async def add_rule(database: Database, rule: Rule) -> bool:
    """Store a rule and tell the workers; False when its id exists. Raises Unavailable."""
    async with database.transaction() as con:
        definition = msgspec.to_builtins(rule)
        if await con.fetchval(load("config")["insert_rule"], rule.id, definition) is None:
            return False
        await enqueue(con, CONFIG, RULE + rule.id, msgspec.json.encode(rule))
    return True


async def delete_rule(database: Database, rule_id: str) -> None:
    """Remove a rule; raises NotFound or Unavailable."""
    async with database.transaction() as con:
        if await con.fetchval(load("config")["delete_rule"], rule_id) is None:
            raise NotFound("no rule with this id")
        await enqueue(con, CONFIG, RULE + rule_id, None)


async def seed_default_rules(database: Database) -> bool:
    """Add the default rules, once in a database's life; raises Unavailable."""
    async with database.transaction() as con:
        if await con.fetchval(load("config")["begin_defaults"]) is None:
            return False
        for rule in DEFAULT_RULES:
            definition = msgspec.to_builtins(rule)
            if await con.fetchval(load("config")["insert_rule"], rule.id, definition) is not None:
                await enqueue(con, CONFIG, RULE + rule.id, msgspec.json.encode(rule))
    return True
