"""Ingest tokens: what is known of them; the tokens themselves are not stored."""

from __future__ import annotations

from typing import Any

from liveops.errors import NotFound
from liveops.postgres.database import Database
from liveops.postgres.queries import load
from liveops.postgres.users import revoke_token
from schema.times import format_time, to_datetime


async def all_ingest_tokens(database: Database) -> list[dict[str, Any]]:
    """Tokens that have not been revoked, newest first; raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(load("users")["ingest_tokens"])
    return [
        {
            "id": str(row["id"]),
            "name": row["name"],
            "services": row["services"],
            "created_by": row["created_by"],
            "created_at": format_time(row["created_at"].timestamp()),
            "expires_at": format_time(row["expires_at"].timestamp()) if row["expires_at"] else None,
        }
        for row in rows
    ]


async def add_ingest_token(
    database: Database,
    token_id: str,
    name: str,
    services: list[str],
    created_by: str,
    expires_at_s: float | None,
) -> None:
    """Remember a new token; raises Unavailable."""
    expires = None if expires_at_s is None else to_datetime(expires_at_s)
    async with database.connection() as con:
        await con.execute(
            load("users")["add_ingest_token"], token_id, name, services, created_by, expires
        )


async def revoke_ingest_token(database: Database, token_id: str) -> None:
    """Make the token worthless; raises NotFound or Unavailable."""
    async with database.transaction() as con:
        ends_at = await con.fetchval(load("users")["revoke_ingest_token"], token_id)
        if ends_at is None:
            raise NotFound("no ingest token with this id")
        await revoke_token(con, token_id, ends_at.timestamp())
