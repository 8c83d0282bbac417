"""Looks at an incident: reads its context, ranks its causes, opens the durable job."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from uuid import uuid4

from liveops.clock import Clock
from liveops.postgres import analyses
from liveops.postgres.database import Database
from liveops.postgres.incidents import fetch_incident, timeline
from liveops.postgres.lifecycle import read_changes, read_similar
from liveops.postgres.service_cards import read_cards
from liveops.postgres.topology import read_topology
from liveops.postgres.verdicts import Verdicts
from liveops.rca.callgraph import CallGraph
from liveops.rca.changes import Change
from liveops.rca.conclusion import pending
from liveops.rca.context import Around, gather
from liveops.rca.fallback import MAX_IMPACTED, affected
from liveops.rca.investigation import Investigation, investigate, starts_at_s
from schema.analysis import Analysis
from schema.feedback import ChangeEvent
from schema.incidents import Incident, worst

#: Minutes before the incident that serve as history.
HISTORY_S = 3600.0
#: Metrics later than this after the start belong to other stories.
_INCIDENT_S = 1800.0
_MAX_SERVICES = 100
_MAX_CHANGES = 500
#: Candidates whose runbooks and calls are told.
_MAX_NEAR = 3


@dataclass(frozen=True, slots=True)
class Case:
    """An incident, what the code found, and every service of its surroundings."""

    incident: Incident
    found: Investigation
    services: frozenset[str]
    edges: list[tuple[str, str]]
    changes: list[ChangeEvent]


class Investigator:
    """Reads PostgreSQL only; raises NotFound and Unavailable."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.verdicts = Verdicts(database, clock)

    async def case(self, incident_id: str) -> Case:
        """Rank the causes with what is known now."""
        incident = await fetch_incident(self._database, incident_id)
        edges = [(e.caller, e.callee) for e in await read_topology(self._database)]
        services = _surroundings(incident, CallGraph(edges))
        start_s = starts_at_s(incident)
        end_s = min(self._clock.now_s(), start_s + _INCIDENT_S)
        samples = await analyses.fetch_minutes(self._database, services, start_s - HISTORY_S, end_s)
        near = set(services)
        edges = [edge for edge in edges if near.issuperset(edge)]
        # Sorting some ten thousand values would hold the loop for too long.
        told = await read_changes(
            self._database, services, start_s - HISTORY_S, start_s + _INCIDENT_S, _MAX_CHANGES
        )
        changes = [Change(one.service_name, one.at_s, one.kind) for one in told]
        found = await asyncio.to_thread(investigate, incident, samples, edges, changes)
        found = replace(found, calibrations=await self.verdicts.calibrations())
        return Case(incident, found, frozenset(services), edges, told)

    async def in_context(self, case: Case) -> Case:
        """With what is stored of its surroundings; the ranking does not wait for it."""
        ranked = [one.service_name for one in case.found.candidates[:_MAX_NEAR]]
        events = await timeline(self._database, case.incident.id)
        around = Around(
            await read_similar(self._database, case.incident.id),
            await read_cards(self._database, ranked),
            case.edges,
            case.changes,
            [str(one["data"]["text"]) for one in events if one["kind"] == "comment"],
            case.incident,
            affected(case.incident, case.found),
        )
        context = gather(case.found.evidence, ranked, case.services, around)
        return replace(case, found=replace(case.found, context=context))

    async def request(
        self, incident_id: str, *, force: bool = False, if_grown: bool = False
    ) -> Analysis:
        """The pending analysis with its ranking, or the one that is there already.

        A completed one is enough unless `force`, or `if_grown` and the incident has
        come to affect services that it does not name; a pending one is then renewed.
        """
        if if_grown and not await self._has_grown(incident_id):
            async with self._database.connection() as con:
                known = await analyses.newest(con, incident_id)
            if known is not None:
                return known
        case = await self.case(incident_id)
        async with self._database.transaction() as con:
            await analyses.lock_incident(con, incident_id)
            there = await analyses.newest(con, incident_id)
            if there is not None and not _worth_another(there, case.incident, force, if_grown):
                if force:
                    await analyses.force(con, there.id)
                if there.status != "pending" or not (if_grown and _grown(there, case.incident)):
                    return there
                renewed = pending(there.id, case.incident, case.found)
                await analyses.renew_pending(con, renewed)
                return renewed
            analysis = pending(str(uuid4()), case.incident, case.found)
            await analyses.insert_pending(con, analysis, forced=force)
        return analysis

    async def _has_grown(self, incident_id: str) -> bool:
        """The cheap question, before anything is ranked; also where nothing is there yet."""
        async with self._database.connection() as con:
            there = await analyses.newest(con, incident_id)
        return there is None or _grown(there, await fetch_incident(self._database, incident_id))

    async def request_if_grown(self, done: Analysis) -> None:
        """Another analysis when the incident came to affect more while this one was made."""
        incident = await fetch_incident(self._database, done.incident_id)
        if incident.status != "resolved" and _grown(done, incident):
            await self.request(incident.id, if_grown=True)


def _grown(there: Analysis, incident: Incident) -> bool:
    """Whether it is graver, or affects services that the analysis does not name, if it could."""
    if there.severity and worst([there.severity, incident.severity]) != there.severity:
        return True
    spoken_of = {*there.impacted_services, there.root_cause_service}
    full = len(there.impacted_services) >= MAX_IMPACTED
    return not full and not set(incident.affected_services) <= spoken_of


def _worth_another(there: Analysis, incident: Incident, force: bool, if_grown: bool) -> bool:
    if there.status == "pending":
        return False  # the job reads everything anew when it runs
    return force or (if_grown and _grown(there, incident)) or there.status == "failed"


def _surroundings(incident: Incident, graph: CallGraph) -> list[str]:
    """Affected services, what they depend on, and their direct neighbours, nearest first."""
    affected = {incident.service_name, *incident.affected_services}
    near = graph.neighbours(affected)
    below = {name for service in affected for name in graph.below(service)} - affected - near
    return [*sorted(affected), *sorted(near), *sorted(below)][:_MAX_SERVICES]
