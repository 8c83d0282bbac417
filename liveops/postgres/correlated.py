"""Incidents as the correlator opens and changes them: in a few statements, however many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from liveops.incidents.event import incident_event
from liveops.incidents.merge import changes, opened
from liveops.incidents.state import Command
from liveops.metrics.detection import INCIDENTS
from liveops.outbox import enqueue_all
from liveops.postgres.incident_rows import changed_columns, columns_of, incident_of
from liveops.postgres.incidents import CORRELATOR, birth_of, changed, trim_events
from liveops.postgres.queries import load
from schema.incidents import Incident
from schema.topics import INCIDENTS_DETECTED, INCIDENTS_UPDATED

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Work:
    """What commands come to: incidents as they are at last, and what is told of the way there."""

    known: dict[str, Incident]
    opened: list[str] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    lines: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)
    events: list[tuple[str, str, bytes]] = field(default_factory=list)

    def open(self, command: Command, now_s: float) -> None:
        """Open an incident, unless there is one with its id."""
        if command.incident_id in self.known:
            return
        incident = opened(command, now_s)
        self.known[incident.id] = incident
        self.opened.append(incident.id)
        self.lines.append((incident.id, "created", CORRELATOR, birth_of(incident)))
        self.events.append((INCIDENTS_DETECTED, incident.id, incident_event(incident)))

    def change(self, command: Command, now_s: float) -> None:
        """Change an incident that there is."""
        old = self.known.get(command.incident_id)
        if old is None:
            log.error("an incident is not there to be changed", id=command.incident_id)
            return
        new, told = changed(old, changes(old, command), CORRELATOR, now_s)
        if new == old:
            return
        self.known[new.id] = new
        self.changed.add(new.id)
        if told:
            self.lines.append((new.id, "updated", CORRELATOR, told))
        self.events.append((INCIDENTS_UPDATED, new.id, incident_event(new)))


async def carry_out(con: Any, commands: Sequence[Command], now_s: float) -> list[float]:
    """Carry out commands; seconds from the first record to now of each incident that opened."""
    if not commands:
        return []
    queries = load("incidents")
    ids = sorted({command.incident_id for command in commands})
    rows = await con.fetch(queries["lock_many"], ids)
    work = _Work({str(row["id"]): incident_of(row) for row in rows})
    for command in commands:
        if command.kind == "open":
            work.open(command, now_s)
        else:
            work.change(command, now_s)
    new = [work.known[name] for name in work.opened]
    older = [work.known[name] for name in sorted(work.changed.difference(work.opened))]
    if new:
        await con.executemany(queries["insert"], [columns_of(one) for one in new])
    if older:
        await con.executemany(queries["update"], [changed_columns(one) for one in older])
    if work.lines:
        await con.executemany(queries["insert_event"], work.lines)
    if older:
        await trim_events(con, [one.id for one in older])
    await enqueue_all(con, work.events)
    for one in new:
        INCIDENTS.labels(one.source).inc()
    return [(one.event_to_detected_ms or 0.0) / 1000 for one in new]
