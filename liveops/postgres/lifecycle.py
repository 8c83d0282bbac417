"""What people say of incidents, what came of similar ones, and the figures of both."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from liveops.postgres.database import Database
from liveops.postgres.incidents import add_event, change_incident, fetch_incident
from liveops.postgres.queries import load
from schema.feedback import ChangeEvent, Feedback
from schema.times import format_time, to_datetime

#: Similar incidents that are told.
MAX_SIMILAR = 20
#: Services that statistics name, those with most incidents.
MAX_SERVICES = 500
#: The only status in which there is nothing to resolve.
_RESOLVED = "resolved"


async def add_feedback(database: Database, feedback: Feedback) -> Feedback:
    """Store a verdict; one of `not_an_incident` also resolves. Raises NotFound, Unavailable."""
    queries = load("lifecycle")

    def change(_: Any) -> dict[str, Any]:
        return {"status": _RESOLVED} if feedback.verdict == "not_an_incident" else {}

    async with database.transaction() as con:
        await change_incident(
            con, feedback.incident_id, feedback.created_by, feedback.created_at_s, change
        )
        analysis_id = await con.fetchval(
            queries["insert_feedback"], feedback.id, feedback.incident_id, feedback.verdict,
            feedback.true_cause, feedback.comment, feedback.created_by,
            to_datetime(feedback.created_at_s),
        )  # fmt: skip
        await con.execute(queries["set_verdict"], feedback.incident_id, feedback.verdict)
        said = {name: getattr(feedback, name) for name in ("verdict", "true_cause", "comment")}
        await add_event(con, feedback.incident_id, "feedback", feedback.created_by, said)
    return structs.replace(feedback, analysis_id=str(analysis_id) if analysis_id else None)


async def add_change(database: Database, event: ChangeEvent) -> None:
    """Store a deploy or another change; raises Unavailable."""
    async with database.connection() as con:
        await con.execute(
            load("lifecycle")["insert_change"], event.id, event.service_name, event.kind,
            event.title, to_datetime(event.at_s), event.url, event.tags, event.created_by,
        )  # fmt: skip


async def read_changes(
    database: Database,
    services: list[str] | None,
    from_s: float,
    to_s: float,
    limit: int,
    before: tuple[float, str] | None = None,
) -> list[ChangeEvent]:
    """Changes of these services (None: of all) in [from, to), newest first.

    Raises Unavailable.
    """
    at_s, event_id = before or (None, None)
    async with database.connection() as con:
        rows = await con.fetch(
            load("lifecycle")["changes"],
            services,
            to_datetime(from_s),
            to_datetime(to_s),
            None if at_s is None else to_datetime(at_s),
            event_id,
            limit,
        )
    return [_change(row) for row in rows]


def _change(row: Any) -> ChangeEvent:
    plain = dict(row) | {"id": str(row["id"]), "at_s": row["at"].timestamp()}
    del plain["at"]
    return ChangeEvent(**plain)


async def read_stats(database: Database, from_s: float, to_s: float) -> dict[str, Any]:
    """Statistics of incidents detected in [from, to); raises Unavailable.

    Means are in seconds, and None where nothing was acknowledged, resolved or judged.
    """
    async with database.transaction() as con:
        await con.execute(load("lifecycle")["cells_in_memory"])
        rows = await con.fetch(load("lifecycle")["stats"], to_datetime(from_s), to_datetime(to_s))
    whole: dict[str, Any] = {}
    weeks: list[dict[str, Any]] = []
    services: list[dict[str, Any]] = []
    for row in rows:
        figures = _figures(row)
        if row["week"] is not None:
            weeks.append({"week": row["week"].date().isoformat(), **figures})
        elif row["service_name"] is not None:
            services.append({"service_name": row["service_name"], **figures})
        else:
            whole = figures
    return {**whole, "by_week": weeks, "by_service": services[:MAX_SERVICES]}


def _figures(row: Any) -> dict[str, Any]:
    judged = row["judged"]
    return {
        "count": row["count"],
        "mtta_s": row["mtta_s"],
        "mttr_s": row["mttr_s"],
        "judged": judged,
        "false_alarm_share": row["false_alarms"] / judged if judged else None,
    }


async def read_similar(database: Database, incident_id: str) -> list[dict[str, Any]]:
    """Earlier incidents of the same service and metrics; raises NotFound or Unavailable."""
    await fetch_incident(database, incident_id)
    async with database.connection() as con:
        rows = await con.fetch(load("lifecycle")["similar"], incident_id, MAX_SIMILAR)
    return [_similar(row) for row in rows]


def _similar(row: Any) -> dict[str, Any]:
    resolved = row["resolved_at"]
    return dict(row) | {
        "id": str(row["id"]),
        "detected_at": format_time(row["detected_at"].timestamp()),
        "resolved_at": format_time(resolved.timestamp()) if resolved else None,
    }
