"""Incidents in PostgreSQL, and the one way to change one.

Creation and change write the row, a line of the timeline and the outbox event in the
caller's transaction; nothing else may touch these tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from liveops.errors import IllegalChange, LiveOpsError, NotFound, StaleVersion
from liveops.incidents.event import incident_event
from liveops.metrics.detection import INCIDENTS
from liveops.outbox import enqueue, enqueue_many
from liveops.postgres.database import Database
from liveops.postgres.incident_rows import changed_columns, columns_of, incident_of, moment_of
from liveops.postgres.queries import load
from liveops.slices import in_slices
from schema.incidents import TRANSITIONS, Incident
from schema.times import format_time
from schema.topics import INCIDENTS_DETECTED, INCIDENTS_UPDATED

#: The actor of changes that follow from detections.
CORRELATOR = "correlator"
#: Lines of a timeline that are the correlator's updates; the oldest make room.
MAX_AUTOMATIC_EVENTS = 500
#: What a change must not touch.
_FIXED = frozenset({"id", "detected_at_s", "source", "version", "event_to_detected_ms"})
#: Fields whose old and new values stand in the timeline.
_TOLD = ("status", "severity", "title", "description", "assignee", "affected_services", "stale")
_WORDS = frozenset({"title", "description"})
#: Fields that the correlator leaves alone once a person has set them.
_HELD = ("severity", "title", "description", "assignee")


async def create_incident(con: Any, incident: Incident, actor: str) -> bool:
    """Insert with its event in the running transaction; False when the id exists."""
    row = await con.fetchval(load("incidents")["insert"], *columns_of(incident))
    if row is None:
        return False
    await add_event(con, incident.id, "created", actor, birth_of(incident))
    await enqueue(con, INCIDENTS_DETECTED, incident.id, incident_event(incident))
    INCIDENTS.labels(incident.source).inc()
    return True


def birth_of(incident: Incident) -> dict[str, Any]:
    """What the timeline tells of a new incident."""
    return {"title": incident.title, "severity": incident.severity, "source": incident.source}


async def change_incident(
    con: Any,
    incident_id: str,
    actor: str,
    now_s: float,
    change: Callable[[Incident], dict[str, Any]],
    *,
    expected_version: int | None = None,
) -> Incident:
    """Apply `change` (old incident → new values) under a row lock.

    Nothing changed means no new version and no event. Raises NotFound, StaleVersion,
    IllegalChange.
    """
    row = await con.fetchrow(load("incidents")["lock"], incident_id)
    if row is None:
        raise NotFound("no incident with this id")
    old = incident_of(row)
    _expect(old, expected_version)
    new, told = changed(old, change(old), actor, now_s)
    if new == old:
        return old
    await con.execute(load("incidents")["update"], *changed_columns(new))
    if told:
        await add_event(con, incident_id, "updated", actor, told)
        if actor == CORRELATOR:
            await trim_events(con, [incident_id])
    await enqueue(con, INCIDENTS_UPDATED, incident_id, incident_event(new))
    return new


def _expect(incident: Incident, version: int | None) -> None:
    """Raises StaleVersion unless the incident is at this version; None is any."""
    if version not in (None, incident.version):
        raise StaleVersion(f"the incident is at version {incident.version}")


def changed(
    old: Incident, wanted: dict[str, Any], actor: str, now_s: float
) -> tuple[Incident, dict[str, Any]]:
    """The incident with these values, and what its timeline tells; raises IllegalChange.

    What a person sets is marked, even to the value it had: from then on it is theirs.
    """
    if actor == CORRELATOR:
        wanted = {name: value for name, value in wanted.items() if name not in old.by_hand}
    else:
        held = [name for name in _HELD if name in wanted or name in old.by_hand]
        wanted = wanted | {"by_hand": held}
    values = {name: value for name, value in wanted.items() if getattr(old, name) != value}
    if not values:
        return old, {}
    if _FIXED & values.keys():
        raise IllegalChange(f"{sorted(_FIXED & values.keys())[0]} cannot change")
    values |= _status_times(old, values.get("status"), now_s)
    new = structs.replace(old, version=old.version + 1, **values)
    told = {name: [getattr(old, name), values[name]] for name in _told_by(actor) if name in values}
    return new, told


async def change_incidents(
    con: Any,
    incident_ids: Sequence[str],
    actor: str,
    now_s: float,
    values: dict[str, Any],
    versions: Mapping[str, int] | None = None,
) -> tuple[list[str], dict[str, LiveOpsError]]:
    """Set the same values on many incidents, in a few statements whatever their number.

    One that `versions` names is changed at that version alone. Returns the ids that are now as
    wanted, and why the others are not.
    """
    rows = await con.fetch(load("incidents")["lock_many"], list(incident_ids))
    known = {str(row["id"]): incident_of(row) for row in rows}
    failed: dict[str, LiveOpsError] = {}
    new: list[Incident] = []
    events: list[tuple[str, str, str, dict[str, Any]]] = []
    for incident_id in incident_ids:
        old = known.get(incident_id)
        if old is None:
            failed[incident_id] = NotFound("no incident with this id")
            continue
        try:
            _expect(old, (versions or {}).get(incident_id))
            after, told = changed(old, values, actor, now_s)
        except (IllegalChange, StaleVersion) as error:
            failed[incident_id] = error
            continue
        if after != old:
            new.append(after)
        if told:
            events.append((incident_id, "updated", actor, told))
    await con.executemany(load("incidents")["update"], [changed_columns(one) for one in new])
    await con.executemany(load("incidents")["insert_event"], events)
    await enqueue_many(con, INCIDENTS_UPDATED, [(one.id, incident_event(one)) for one in new])
    return [one for one in incident_ids if one not in failed], failed


def _told_by(actor: str) -> tuple[str, ...]:
    """Words that follow the detections are no event; those that a person writes are."""
    return tuple(name for name in _TOLD if actor != CORRELATOR or name not in _WORDS)


def _status_times(old: Incident, status: str | None, now_s: float) -> dict[str, Any]:
    """Times that follow from a change of status; raises IllegalChange."""
    if status is None:
        return {}
    if status not in TRANSITIONS[old.status]:
        raise IllegalChange(f"an incident cannot go from {old.status} to {status}")
    if status == "acknowledged":
        return {"acknowledged_at_s": now_s}
    if status == "resolved":
        return {"resolved_at_s": now_s, "stale": False}
    return {"resolved_at_s": None, "acknowledged_at_s": None}


async def trim_events(con: Any, incident_ids: Sequence[str]) -> None:
    """Let the oldest automatic updates on timelines make room."""
    query = load("incidents")["trim_events"]
    await con.execute(query, incident_ids, CORRELATOR, MAX_AUTOMATIC_EVENTS)


async def add_event(
    con: Any, incident_id: str, kind: str, actor: str, data: dict[str, Any]
) -> dict[str, Any]:
    """Add a line to the timeline; returns it."""
    row = await con.fetchrow(load("incidents")["add_event"], incident_id, kind, actor, data)
    return _event({**row, "kind": kind, "actor": actor, "data": data})


async def comment(
    con: Any, incident_id: str, actor: str, text: str, expected_version: int | None
) -> dict[str, Any]:
    """Add a remark to the timeline; raises NotFound, StaleVersion."""
    row = await con.fetchrow(load("incidents")["lock"], incident_id)
    if row is None:
        raise NotFound("no incident with this id")
    _expect(incident_of(row), expected_version)
    return await add_event(con, incident_id, "comment", actor, {"text": text})


async def fetch_incident(database: Database, incident_id: str) -> Incident:
    """One incident; raises NotFound or Unavailable."""
    async with database.connection() as con:
        row = await con.fetchrow(load("incidents")["fetch"], incident_id)
    if row is None:
        raise NotFound("no incident with this id")
    return incident_of(row)


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """Which incidents are meant; empty statuses or severities are any.

    `before` is the cursor of a list (detected_at_s, id).
    """

    statuses: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    service: str | None = None
    from_s: float | None = None
    to_s: float | None = None
    text: str | None = None
    before: tuple[float, str] | None = None


async def list_incidents(database: Database, which: IncidentFilter, limit: int) -> list[Incident]:
    """Newest first; raises Unavailable."""
    before_s, before_id = which.before or (None, None)
    async with database.transaction() as con:
        await con.execute(load("incidents")["plan_anew"])
        rows = await con.fetch(
            load("incidents")["list"],
            *_conditions(which),
            moment_of(before_s),
            before_id,
            limit,
        )
    return await in_slices(incident_of, rows)


async def count_incidents(database: Database, which: IncidentFilter) -> list[tuple[str, str, int]]:
    """How many there are by status and severity; raises Unavailable."""
    async with database.transaction() as con:
        await con.execute(load("incidents")["plan_anew"])
        rows = await con.fetch(load("incidents")["summary"], *_conditions(which))
    return [(row["status"], row["severity"], row["count"]) for row in rows]


def _conditions(which: IncidentFilter) -> tuple[Any, ...]:
    """The parameters that list and summary have in common."""
    return (
        list(which.statuses) or None,
        list(which.severities) or None,
        which.service,
        moment_of(which.from_s),
        moment_of(which.to_s),
        _pattern(which.text),
    )


def _pattern(text: str | None) -> str | None:
    """What LIKE looks for: the text itself, anywhere."""
    if text is None:
        return None
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"


async def timeline(database: Database, incident_id: str) -> list[dict[str, Any]]:
    """Events of an incident, oldest first; raises NotFound or Unavailable."""
    await fetch_incident(database, incident_id)
    async with database.connection() as con:
        rows = await con.fetch(load("incidents")["timeline"], incident_id)
    return await in_slices(_event, rows)


async def active_ids(database: Database) -> list[str]:
    """Incidents that are not resolved, newest first; raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(load("incidents")["active"])
    return [str(row["id"]) for row in rows]


def _event(row: Any) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "at": format_time(row["at"].timestamp()),
        "kind": row["kind"],
        "actor": row["actor"],
        "data": row["data"],
    }
