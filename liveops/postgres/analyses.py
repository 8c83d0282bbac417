"""Analyses in PostgreSQL: what they look at, the durable jobs, the results."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
import orjson

from liveops import outbox
from liveops.postgres.database import Database
from liveops.postgres.incidents import add_event
from liveops.postgres.queries import load
from liveops.rca.series import Sample
from liveops.slices import in_slices
from schema.analysis import Action, Analysis, Evidence, RankedCause, public_analysis
from schema.times import to_datetime
from schema.topics import ANALYSIS_COMPLETED

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[Any]"
#: A model's words about the same signature are good for this long.
REUSE_S = 3600.0
_ACTOR = "liveops"


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job; `attempts` counts this one. One that is `forced` reuses nothing."""

    id: str
    incident_id: str
    signature: str
    attempts: int
    requested_at_s: float
    forced: bool = False


async def fetch_minutes(
    database: Database, services: Collection[str], from_s: float, to_s: float
) -> list[Sample]:
    """One-minute means of the services within [from, to); raises Unavailable."""
    span = to_datetime(from_s), to_datetime(to_s)
    async with database.connection() as con:
        rows = await con.fetch(load("analyses")["minutes"], sorted(services), *span)
    return await in_slices(_sample, rows)


def _sample(row: Mapping[str, Any]) -> Sample:
    return Sample(row["service_name"], row["metric_type"], row["start"].timestamp(), row["mean"])


async def newest(con: Connection, incident_id: str) -> Analysis | None:
    """The newest analysis of an incident."""
    row = await con.fetchrow(load("analyses")["newest"], UUID(incident_id))
    return None if row is None else _analysis(row)


async def recent(database: Database, limit: int) -> list[Analysis]:
    """Completed analyses, newest first."""
    async with database.connection() as con:
        return [_analysis(row) for row in await con.fetch(load("analyses")["recent"], limit)]


async def lock_incident(con: Connection, incident_id: str) -> None:
    """Make later requests about the incident wait for this transaction."""
    await con.execute(load("analyses")["lock_incident"], UUID(incident_id))


async def insert_pending(con: Connection, analysis: Analysis, *, forced: bool = False) -> None:
    """A new job with its deterministic ranking."""
    ids = UUID(analysis.id), UUID(analysis.incident_id)
    await con.execute(load("analyses")["insert_pending"], *ids, *_found(analysis), forced)


async def renew_pending(con: Connection, analysis: Analysis) -> None:
    """Replace the deterministic part of a job that is not done yet."""
    await con.execute(load("analyses")["renew_pending"], UUID(analysis.id), *_found(analysis))


def _found(analysis: Analysis) -> tuple[Any, ...]:
    """What the code found, in the order of the statements."""
    return (
        analysis.root_cause_service,
        analysis.confidence,
        analysis.impacted_services,
        msgspec.to_builtins(analysis.evidence),
        msgspec.to_builtins(analysis.ranking),
        analysis.verdict,
        analysis.signature,
        analysis.confidence_text,
        analysis.severity or "",
        analysis.confidence_raw,
    )


async def force(con: Connection, analysis_id: str) -> None:
    """Make a pending job a forced one."""
    await con.execute(load("analyses")["force"], UUID(analysis_id))


async def claim(database: Database, lease_s: float) -> Job | None:
    """Take the oldest due job for `lease_s`; None when there is none."""
    async with database.connection() as con:
        row = await con.fetchrow(load("analyses")["claim"], lease_s)
    if row is None:
        return None
    return Job(
        str(row["id"]),
        str(row["incident_id"]),
        row["signature"],
        row["attempts"],
        row["requested_at"].timestamp(),
        row["forced"],
    )


async def hold(database: Database, job: Job, lease_s: float) -> bool:
    """Renew the lease of a claimed job; False when it is done or somebody else has it."""
    async with database.connection() as con:
        query = load("analyses")["hold"]
        return await con.fetchval(query, UUID(job.id), job.attempts, lease_s) is not None


async def reusable(con: Connection, signature: str, incident_id: str) -> Analysis | None:
    """A model's analysis of another incident that looked the same, if recent."""
    if not signature:
        return None
    row = await con.fetchrow(load("analyses")["reusable"], signature, UUID(incident_id), REUSE_S)
    return None if row is None else _analysis(row)


async def complete(database: Database, analysis: Analysis) -> bool:
    """Store the result, the timeline entry and the event in one transaction.

    False when the job was no longer pending: the result is then dropped.
    """
    async with database.transaction() as con:
        done = await con.fetchval(load("analyses")["complete"], *_columns(analysis))
        if done is None:
            return False
        public = public_analysis(analysis)
        told = ("id", "status", "verdict", "root_cause_service", "confidence", "source")
        data = {name: public[name] for name in told}
        await add_event(con, analysis.incident_id, "analysis", _ACTOR, data)
        await outbox.enqueue(con, ANALYSIS_COMPLETED, analysis.incident_id, orjson.dumps(public))
    return True


async def unasked(database: Database) -> list[str]:
    """Recent incidents without any analysis: their event was lost or is not here yet."""
    async with database.connection() as con:
        return [str(row["id"]) for row in await con.fetch(load("analyses")["unasked"])]


def _columns(analysis: Analysis) -> tuple[Any, ...]:
    return (
        UUID(analysis.id),
        analysis.status,
        analysis.root_cause,
        analysis.root_cause_service,
        analysis.confidence,
        analysis.impacted_services,
        analysis.suggested_actions,
        analysis.technical_summary,
        analysis.executive_summary,
        msgspec.to_builtins(analysis.evidence),
        msgspec.to_builtins(analysis.ranking),
        analysis.verdict,
        analysis.source,
        analysis.model,
        analysis.cost_usd,
        analysis.tokens,
        analysis.signature,
        None if analysis.analyzed_at_s is None else to_datetime(analysis.analyzed_at_s),
        analysis.latency_ms,
        analysis.source_reason,
        analysis.confidence_text,
        analysis.severity or "",
        msgspec.to_builtins(analysis.actions),
        analysis.confidence_raw,
    )


def _analysis(row: Mapping[str, Any]) -> Analysis:
    done = row["analyzed_at"]
    return Analysis(
        id=str(row["id"]),
        incident_id=str(row["incident_id"]),
        status=row["status"],
        root_cause=row["root_cause"],
        root_cause_service=row["root_cause_service"],
        confidence=row["confidence_share"],
        confidence_raw=row["raw_share"],
        confidence_text=row["confidence_text"],
        severity=row["severity"] or None,
        impacted_services=list(row["impacted_services"]),
        suggested_actions=row["suggested_actions"],
        actions=msgspec.convert(row["actions"], list[Action]),
        technical_summary=row["technical_summary"],
        executive_summary=row["executive_summary"],
        evidence=msgspec.convert(row["evidence"], list[Evidence]),
        ranking=msgspec.convert(row["ranking"], list[RankedCause]),
        verdict=row["verdict"],
        source=row["source"],
        source_reason=row["source_reason"],
        model=row["model"],
        cost_usd=row["cost"],
        tokens=row["tokens"],
        analyzed_at_s=None if done is None else done.timestamp(),
        latency_ms=row["latency_ms"],
        signature=row["signature"],
    )
