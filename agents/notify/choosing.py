"""Events of incidents → what is to be told to whom, in one PostgreSQL transaction.

The events are read in the outbox, where the change of the incident wrote them: what was
committed is told, and nothing else. One copy chooses at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from msgspec import ValidationError

from liveops.clock import Clock
from liveops.metrics.worker import BAD_INTERNAL_RECORDS
from liveops.notify.message import delivery_id
from liveops.notify.planning import Event, Standing, Told, event_of, is_urgent, plan, standing_of
from liveops.notify.receiver import Receiver
from liveops.postgres import deliveries as store
from liveops.postgres.database import Database
from liveops.postgres.deliveries import NewDelivery
from liveops.postgres.receivers import receivers_by_id

log = structlog.get_logger(__name__)
_TABLE = "outbox"


@dataclass(slots=True)
class Plan:
    """What one transaction writes; `told` is kept up with what is chosen."""

    receivers: list[Receiver]
    standings: dict[str, Standing]
    told: dict[tuple[str, str], list[Told]]
    now_s: float
    changed: dict[str, Standing] = field(default_factory=dict)
    new: dict[str, NewDelivery] = field(default_factory=dict)
    superseded: list[str] = field(default_factory=list)

    def take(self, incident: dict[str, Any]) -> None:
        """Choose for the next version of an incident (its public form)."""
        before, now = self.standings.get(incident["id"]), standing_of(incident)
        if before is not None and before.version >= now.version:
            return
        event = event_of(before, now)
        self.standings[incident["id"]] = self.changed[incident["id"]] = now
        if event is None:
            return
        for receiver in self.receivers:
            self._step(receiver, event, incident, urgent=is_urgent(before, now))

    def _step(
        self, receiver: Receiver, event: Event, incident: dict[str, Any], *, urgent: bool
    ) -> None:
        rows = self.told.setdefault((receiver.id, incident["id"]), [])
        step = plan(receiver, event, incident, rows, self.now_s, urgent=urgent)
        for gone in step.superseded:
            if self.new.pop(gone, None) is None:
                self.superseded.append(gone)
            rows[:] = [row for row in rows if row.delivery_id != gone]
        if step.event is None:
            return
        made = delivery_id(receiver.id, incident["id"], incident["version"])
        self.new[made] = NewDelivery(made, receiver.id, incident, step.event, step.due_s)
        version = incident["version"]
        rows.append(Told(made, version, step.event, "waiting", False, step.due_s))


async def choose(database: Database, clock: Clock) -> int:
    """Choose receivers for what waits; how many events there were. Raises Unavailable."""
    async with database.transaction() as con:
        rows = await store.unrouted(con)
        if not rows:
            return 0
        incidents = [found for row in rows if (found := _read(row)) is not None]
        names = sorted({incident["id"] for incident in incidents})
        made = Plan(
            list((await receivers_by_id(con)).values()),
            await store.standings(con, names),
            await store.told(con, names),
            clock.now_s(),
        )
        for incident in incidents:
            made.take(incident)
        await store.write_plan(
            con, [row["id"] for row in rows], made.changed, made.new.values(), made.superseded
        )
    return len(rows)


def _read(row: Any) -> dict[str, Any] | None:
    try:
        incident: dict[str, Any] = orjson.loads(row["value"] or "null")
        standing_of(incident)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValidationError) as error:
        BAD_INTERNAL_RECORDS.labels(_TABLE).inc()
        log.error("an event that cannot be read is told to nobody", id=row["id"], error=str(error))
        return None
    return incident
