"""The correlator's groups, offset and commands, all in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from liveops.detection.defaults import DEFAULT_RULES
from liveops.errors import LiveOpsError
from liveops.incidents.state import EDITABLE, Command, Group, Groups
from liveops.outbox import enqueue
from liveops.postgres.database import Database
from liveops.postgres.incidents import change_incident, create_incident
from liveops.postgres.queries import load
from schema.config import RULE
from schema.incidents import Incident
from schema.rules import Edge
from schema.topics import CONFIG

ACTOR = "correlator"
#: Fields only the correlator writes.
_OURS = ("service_name", "fingerprint", "detections", "detections_dropped", "stale", "offsets")


class OffsetMoved(LiveOpsError):
    """Another owner has written meanwhile."""

    retryable = True


async def lock_offset(con: Any, topic: str, partition: int) -> int:
    """First offset not folded yet; nobody else folds until the transaction ends."""
    queries = load("correlation")
    await con.execute(queries["begin_offset"], topic, partition)
    return int(await con.fetchval(queries["lock_offset"], topic, partition))


async def advance_offset(con: Any, topic: str, partition: int, known: int, new: int) -> None:
    """Store the next offset; raises OffsetMoved."""
    query = load("correlation")["advance_offset"]
    if await con.fetchval(query, topic, partition, known, new) is None:
        raise OffsetMoved(f"{topic}/{partition}: the stored offset is not {known}")


async def load_groups(con: Any) -> tuple[Groups, set[str]]:
    """The open groups, and those whose incident is resolved, locked until the end."""
    queries = load("correlation")
    groups = [msgspec.convert(row["state"], Group) for row in await con.fetch(queries["groups"])]
    found = {group.incident_id: group for group in groups}
    rows = await con.fetch(queries["lock_resolved"], sorted(found))
    return found, {str(row["id"]) for row in rows}


async def save_groups(con: Any, groups: Groups, before: set[str]) -> None:
    """Write all groups and delete those that are gone since `before`."""
    queries = load("correlation")
    rows = [(name, msgspec.to_builtins(group)) for name, group in sorted(groups.items())]
    await con.executemany(queries["save_group"], rows)
    gone = sorted(before - groups.keys())
    if gone:
        await con.execute(queries["delete_groups"], gone)


async def learned_edges(con: Any) -> list[Edge]:
    """Edges learned from peer tags."""
    rows = await con.fetch(load("correlation")["learned_edges"])
    return [Edge(caller=r["caller"], callee=r["callee"], source="learned") for r in rows]


async def apply(con: Any, command: Command, now_s: float) -> float | None:
    """Carry out a command; seconds from the first record to now when an incident opened."""
    if command.kind == "open":
        incident = _incident(command, now_s)
        opened = await create_incident(con, incident, ACTOR)
        return (incident.event_to_detected_ms or 0.0) / 1000 if opened else None
    await change_incident(con, command.group.incident_id, ACTOR, now_s, _change(command))
    return None


def _incident(command: Command, now_s: float) -> Incident:
    seen_s = min(item.broker_time_s for item in command.group.members.values())
    return Incident(
        id=command.group.incident_id,
        status="open",
        detected_at_s=now_s,
        event_to_detected_ms=max(0.0, (now_s - seen_s) * 1000),
        **command.values,
    )


def _change(command: Command) -> Callable[[Incident], dict[str, Any]]:
    def change(old: Incident) -> dict[str, Any]:
        values = {name: command.values[name] for name in _OURS if name in command.values}
        for name in EDITABLE:
            if name in command.values and getattr(old, name) == command.before.get(name):
                values[name] = command.values[name]
        if command.note:
            values["description"] = f"{old.description}\n{command.note}".strip()
        if command.status == "resolved" and old.status != "resolved":
            values |= {"status": "resolved", "stale": False}
        elif command.status == "open" and old.status == "resolved":
            values["status"] = "open"
        return values

    return change


async def seed_default_rules(database: Database) -> bool:
    """Add the default rules, once in a database's life; raises Unavailable."""
    async with database.transaction() as con:
        if await con.fetchval(load("correlation")["begin_defaults"]) is None:
            return False
        for rule in DEFAULT_RULES:
            definition = msgspec.to_builtins(rule)
            if await con.fetchval(load("config")["insert_rule"], rule.id, definition) is not None:
                await enqueue(con, CONFIG, RULE + rule.id, msgspec.json.encode(rule))
    return True
