"""The correlator's groups, offset and commands, all in the caller's transaction."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog

from liveops.errors import OffsetMoved
from liveops.incidents.merge import changes, opened
from liveops.incidents.state import Command, Group, Groups
from liveops.metrics.worker import BAD_INTERNAL_RECORDS
from liveops.postgres.incidents import CORRELATOR, change_incident, create_incident
from liveops.postgres.queries import load
from schema.incidents import Incident
from schema.rules import Edge

log = structlog.get_logger(__name__)
#: The table of open groups.
GROUPS = "correlation_groups"


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
    found: Groups = {}
    for row in await con.fetch(queries["groups"]):
        try:
            group = msgspec.convert(row["state"], Group)
        except msgspec.ValidationError as error:
            BAD_INTERNAL_RECORDS.labels(GROUPS).inc()
            log.error("unreadable group, its incident is left alone", error=str(error))
            continue
        found[group.incident_id] = group
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
        incident = opened(command, now_s)
        created = await create_incident(con, incident, CORRELATOR)
        return (incident.event_to_detected_ms or 0.0) / 1000 if created else None

    def change(old: Incident) -> dict[str, Any]:
        return changes(old, command)

    await change_incident(con, command.group.incident_id, CORRELATOR, now_s, change)
    return None
