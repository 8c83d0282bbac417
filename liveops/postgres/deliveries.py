"""What was told to whom, in PostgreSQL: written once, taken in hand by one sender at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import structlog

from liveops.notify.planning import Standing, Told
from liveops.postgres.database import Database
from liveops.postgres.queries import load
from schema.times import to_datetime

log = structlog.get_logger(__name__)
#: The actor of lines of the timeline that tell of deliveries.
NOTIFIER = "notifier"
#: A delivery in hand is nobody else's for so long; longer than a try may take.
LEASE_S = 30.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery in hand; `failing_s` since its first try. Times are epoch seconds."""

    delivery_id: str
    receiver_id: str
    incident_id: str
    version: int
    event: str
    incident: dict[str, Any]
    attempts: int
    due_s: float
    failing_s: float
    lease: str


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """One to be written."""

    delivery_id: str
    receiver_id: str
    incident: dict[str, Any]
    event: str
    due_s: float


async def unrouted(con: Any) -> Sequence[Any]:
    """Outbox rows for which receivers are to be chosen; empty when another copy does it."""
    queries = load("deliveries")
    if not await con.fetchval(queries["try_lock"]):
        return []
    rows: Sequence[Any] = await con.fetch(queries["unrouted"])
    return rows


async def standings(con: Any, incident_ids: Sequence[str]) -> dict[str, Standing]:
    """How incidents stood when their receivers were last chosen."""
    rows = await con.fetch(load("deliveries")["standings"], incident_ids)
    return {
        str(row["incident_id"]): Standing(
            row["version"],
            row["status"],
            row["severity"],
            tuple(row["affected_services"]),
            row["assignee"],
        )
        for row in rows
    }


async def told(con: Any, incident_ids: Sequence[str]) -> dict[tuple[str, str], list[Told]]:
    """What was told, by receiver and incident; kept from being sent until the transaction ends."""
    found: dict[tuple[str, str], list[Told]] = {}
    for row in await con.fetch(load("deliveries")["told"], incident_ids):
        key = str(row["receiver_id"]), str(row["incident_id"])
        found.setdefault(key, []).append(
            Told(
                str(row["delivery_id"]),
                row["version"],
                row["event"],
                row["state"],
                row["attempts"] > 0,
                row["due_at"].timestamp(),
                row["done_at"].timestamp() if row["done_at"] else None,
            )
        )
    return found


async def write_plan(
    con: Any,
    outbox_ids: Sequence[int],
    stand: dict[str, Standing],
    new: Iterable[NewDelivery],
    superseded: Sequence[str],
) -> None:
    """Write what was chosen; the events are not looked at again."""
    queries = load("deliveries")
    if superseded:
        await con.execute(queries["supersede"], superseded)
    rows = [
        (
            one.delivery_id, one.receiver_id, one.incident["id"], one.incident["version"],
            one.event, one.incident, to_datetime(one.due_s),
        )
        for one in new
    ]  # fmt: skip
    await con.executemany(queries["insert"], rows)
    await con.executemany(
        queries["save_standing"],
        [
            (name, s.version, s.status, s.severity, list(s.affected_services), s.assignee)
            for name, s in stand.items()
        ],
    )
    await con.execute(queries["mark_routed"], outbox_ids)


async def waiting(database: Database) -> dict[str, int]:
    """How many could leave now, by receiver; raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(load("deliveries")["waiting"])
    return {str(row["receiver_id"]): row["count"] for row in rows}


async def next_due_in_s(database: Database) -> float | None:
    """Seconds until something more is due; None for never. Raises Unavailable."""
    async with database.connection() as con:
        found: float | None = await con.fetchval(load("deliveries")["next_due"])
    return found


async def claim(database: Database, receiver_id: str, count: int) -> list[Claimed]:
    """Take up to `count` deliveries of a receiver in hand; raises Unavailable."""
    lease = str(uuid4())
    async with database.transaction() as con:
        rows = await con.fetch(load("deliveries")["claim"], receiver_id, count, LEASE_S, lease)
    found = [
        Claimed(
            str(row["delivery_id"]), receiver_id, str(row["incident_id"]), row["version"],
            row["event"], row["incident"], row["attempts"], row["due_at"].timestamp(),
            row["failing_s"], lease,
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.due_s, one.version))


async def sent_of_late(database: Database, receiver_id: str) -> int:
    """Messages that a receiver took within a minute; raises Unavailable."""
    async with database.connection() as con:
        return int(await con.fetchval(load("deliveries")["sent_of_late"], receiver_id))


async def reference_of(database: Database, one: Claimed) -> str:
    """What the provider calls the message that told of the incident before, or ""."""
    async with database.connection() as con:
        query = load("deliveries")["reference"]
        return await con.fetchval(query, one.receiver_id, one.incident_id) or ""


async def record_delivered(
    database: Database, done: Sequence[Claimed], message_id: str, reference: str
) -> None:
    """Note that one message with these was taken, also on the timelines; raises Unavailable."""
    await _record(database, "delivered", done, message_id, reference, NOTIFIER)


async def record_again(
    database: Database, failed: Sequence[Claimed], pause_s: float, fault: str
) -> None:
    """Note that these are to be tried again after a pause; raises Unavailable."""
    await _record(database, "again", failed, pause_s, fault)


async def record_failed(database: Database, failed: Sequence[Claimed], fault: str) -> None:
    """Note that these are given up, also on the timelines; raises Unavailable."""
    await _record(database, "failed", failed, fault, NOTIFIER)


async def _record(database: Database, name: str, these: Sequence[Claimed], *values: Any) -> None:
    """What is another sender's by now is left to it."""
    ids = [one.delivery_id for one in these]
    async with database.connection() as con:
        if await con.fetchval(load("deliveries")[name], ids, these[0].lease, *values) < len(ids):
            log.warning("deliveries were taken over by another sender", deliveries=len(ids))


async def counts(database: Database) -> tuple[int, int]:
    """Deliveries that are due, and receivers that are failing; raises Unavailable."""
    async with database.connection() as con:
        due = await con.fetchval(load("deliveries")["waiting_in_all"])
        return int(due), int(await con.fetchval(load("receivers")["failing"]))
