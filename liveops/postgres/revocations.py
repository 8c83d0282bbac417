"""Revocations as PostgreSQL has them, for while `liveops.config` cannot be read."""

from __future__ import annotations

from liveops.postgres.database import Database
from liveops.postgres.queries import load
from liveops.security.principal import Principal
from schema.config import USER


async def revocations_of(database: Database, principal: Principal) -> dict[str, float]:
    """What `ConfigView.revoked` holds about one caller; raises Unavailable."""
    names = [principal.jti, USER + principal.subject]
    async with database.connection() as con:
        rows = await con.fetch(load("revocations")["of_caller"], names)
    return {row["jti"]: row["since"] for row in rows}
