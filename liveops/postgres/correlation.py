"""The correlator's groups, offset and commands, all in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
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
#: Ids under way are a set: the same set has to give the same bytes.
_encode = msgspec.json.Encoder(order="deterministic").encode


async def lock_offset(con: Any, topic: str, partition: int) -> tuple[int, int]:
    """First offset not folded yet, and how many transactions there were; nobody else folds
    until this one ends."""
    queries = load("correlation")
    row = await con.fetchrow(queries["lock_offset"], topic, partition)
    if row is None:
        await con.execute(queries["begin_offset"], topic, partition)
        row = await con.fetchrow(queries["lock_offset"], topic, partition)
    return int(row["next_offset"]), int(row["revision"])


async def advance_offset(con: Any, topic: str, partition: int, known: int, new: int) -> int:
    """Store the next offset; returns the number of this transaction. Raises OffsetMoved."""
    query = load("correlation")["advance_offset"]
    revision = await con.fetchval(query, topic, partition, known, new)
    if revision is None:
        raise OffsetMoved(f"{topic}/{partition}: the stored offset is not {known}")
    return int(revision)


@dataclass(slots=True)
class Kept:
    """The open groups as they were after a transaction, and each as it was stored."""

    revision: int
    groups: Groups
    stored: dict[str, bytes]


async def load_groups(con: Any, revision: int) -> Kept:
    """The open groups."""
    kept = Kept(revision, {}, {})
    for row in await con.fetch(load("correlation")["groups"]):
        try:
            group = msgspec.convert(row["state"], Group)
        except msgspec.ValidationError as error:
            BAD_INTERNAL_RECORDS.labels(GROUPS).inc()
            log.error("unreadable group, its incident is left alone", error=str(error))
            continue
        kept.groups[group.incident_id] = group
        kept.stored[group.incident_id] = _encode(group)
    return kept


async def lock_resolved(con: Any, groups: Groups) -> set[str]:
    """Those whose incident is resolved; none of them changes until the transaction ends."""
    rows = await con.fetch(load("correlation")["lock_resolved"], sorted(groups))
    return {str(row["id"]) for row in rows}


async def save_groups(con: Any, kept: Kept) -> None:
    """Write the groups that changed and delete those that are gone."""
    queries = load("correlation")
    now = {name: _encode(group) for name, group in sorted(kept.groups.items())}
    changed = [name for name, state in now.items() if kept.stored.get(name) != state]
    rows = [(name, msgspec.to_builtins(kept.groups[name])) for name in changed]
    if rows:
        await con.executemany(queries["save_group"], rows)
    gone = sorted(kept.stored.keys() - now.keys())
    if gone:
        await con.execute(queries["delete_groups"], gone)
    kept.stored = now


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
