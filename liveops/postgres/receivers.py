"""Receivers of notifications in PostgreSQL; secrets are read by the sender alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec
from msgspec import structs

from liveops.errors import IllegalChange, NotFound, StaleVersion
from liveops.notify.receiver import Receiver
from liveops.postgres.database import Database
from liveops.postgres.queries import load
from schema.times import format_time

#: Columns of their own; the rest of a receiver is its definition.
_APART = frozenset({"id", "name", "secret", "version"})


@dataclass(frozen=True, slots=True)
class Health:
    """When a receiver last took a message and last did not (RFC 3339), and why not."""

    last_delivered_at: str | None
    last_failed_at: str | None
    last_error: str


async def all_receivers(database: Database) -> list[tuple[Receiver, Health]]:
    """Every receiver by name; raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(load("receivers")["all"])
    return [(_receiver(row), _health(row)) for row in rows]


async def fetch_receiver(database: Database, receiver_id: str) -> tuple[Receiver, Health]:
    """One receiver; raises NotFound or Unavailable."""
    async with database.connection() as con:
        row = await con.fetchrow(load("receivers")["fetch"], receiver_id)
    if row is None:
        raise NotFound("no receiver with this id")
    return _receiver(row), _health(row)


async def add_receiver(database: Database, receiver: Receiver) -> None:
    """Store a receiver; raises IllegalChange when its name is taken, or Unavailable."""
    async with database.transaction() as con:
        try:
            await con.execute(
                load("receivers")["insert"],
                receiver.id,
                receiver.name,
                _definition(receiver),
                receiver.secret,
            )
        except asyncpg.UniqueViolationError:
            raise IllegalChange("another receiver has this name") from None


async def replace_receiver(
    database: Database, receiver: Receiver, *, keep_secret: bool, expected_version: int | None
) -> None:
    """Put a receiver in the place of the one with its id, with the next version.

    Raises NotFound, StaleVersion, IllegalChange when its name is taken, or Unavailable.
    """
    queries = load("receivers")
    async with database.transaction() as con:
        row = await con.fetchrow(queries["lock"], receiver.id)
        if row is None:
            raise NotFound("no receiver with this id")
        if expected_version not in (None, row["version"]):
            raise StaleVersion(f"the receiver is at version {row['version']}")
        secret = row["secret"] if keep_secret else receiver.secret
        try:
            await con.execute(
                queries["update"],
                receiver.id,
                receiver.name,
                _definition(receiver),
                secret,
                row["version"] + 1,
            )
        except asyncpg.UniqueViolationError:
            raise IllegalChange("another receiver has this name") from None


async def delete_receiver(database: Database, receiver_id: str) -> None:
    """Remove a receiver and what it was told; raises NotFound or Unavailable."""
    async with database.connection() as con:
        if await con.fetchval(load("receivers")["delete"], receiver_id) is None:
            raise NotFound("no receiver with this id")


async def note_trial(database: Database, receiver_id: str, fault: str) -> None:
    """Remember how a trial went; "" when it was delivered. Raises Unavailable."""
    async with database.connection() as con:
        if fault:
            await con.execute(load("receivers")["failed"], receiver_id, fault)
        else:
            await con.execute(load("receivers")["delivered"], receiver_id)


async def receivers_by_id(con: Any) -> dict[str, Receiver]:
    """Every receiver, in the running transaction."""
    return {str(row["id"]): _receiver(row) for row in await con.fetch(load("receivers")["all"])}


def _definition(receiver: Receiver) -> dict[str, Any]:
    plain = msgspec.to_builtins(receiver)
    return {name: value for name, value in plain.items() if name not in _APART}


def _receiver(row: Any) -> Receiver:
    apart = {"id": str(row["id"]), "name": row["name"]}
    found = msgspec.convert(row["definition"] | apart, Receiver)
    return structs.replace(found, secret=row["secret"], version=row["version"])


def _health(row: Any) -> Health:
    def moment(value: Any) -> str | None:
        return None if value is None else format_time(value.timestamp())

    return Health(
        moment(row["last_delivered_at"]), moment(row["last_failed_at"]), row["last_error"]
    )
