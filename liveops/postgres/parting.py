"""Incidents that people part or put together again: groups, incidents, timelines, events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from liveops.incidents import by_hand
from liveops.incidents.by_hand import Parted
from liveops.incidents.correlator import Correlator
from liveops.incidents.topology import Topology
from liveops.postgres import correlation
from liveops.postgres.correlated import carry_out
from liveops.postgres.database import Database
from liveops.postgres.incidents import add_event, fetch_incident
from liveops.postgres.topology import read_topology
from schema.incidents import Incident
from schema.topics import DETECTIONS

Part = Callable[[Correlator, Topology], Parted]


async def split_incident(
    database: Database,
    partition: int,
    incident_id: str,
    services: Sequence[str],
    actor: str,
    now_s: float,
) -> Incident:
    """Take services out of an incident; returns theirs.

    Raises NotFound, IllegalChange, Unavailable.
    """
    new_id = str(uuid4())

    def part(correlator: Correlator, topology: Topology) -> Parted:
        return by_hand.split(correlator, incident_id, services, new_id, topology, now_s)

    told = {"services": sorted(services)}
    return await _carry_out(database, partition, incident_id, part, ("split", told, actor, now_s))


async def undo_parting(
    database: Database, partition: int, incident_id: str, actor: str, now_s: float
) -> Incident:
    """Put back what was split off, or take out what was merged; returns the incident.

    Raises NotFound, IllegalChange, Unavailable.
    """

    def part(correlator: Correlator, topology: Topology) -> Parted:
        return by_hand.undo(correlator, incident_id, topology)

    return await _carry_out(database, partition, incident_id, part, ("undo", {}, actor, now_s))


async def _carry_out(
    database: Database,
    partition: int,
    incident_id: str,
    part: Part,
    said: tuple[str, dict[str, Any], str, float],
) -> Incident:
    """In one transaction, in which the correlator waits; it reads its state anew then."""
    kind, told, actor, now_s = said
    await fetch_incident(database, incident_id)
    topology = Topology(await read_topology(database))
    async with database.transaction() as con:
        place = await correlation.lock_offset(con, DETECTIONS, partition)
        kept = await correlation.load_correlator(con, place)
        resolved = await correlation.resolved_of(con, kept.correlator)
        kept.correlator.heed(resolved, topology)
        parted = part(kept.correlator, topology)
        await carry_out(con, parted.commands, now_s)
        both = (parted.incident_id, parted.other_id)
        for one, other in (both, both[::-1]):
            await add_event(con, one, kind, actor, told | {"other": other})
        await correlation.save_correlator(con, kept, DETECTIONS, partition, place, new=place.offset)
    return await fetch_incident(database, parted.incident_id)
