"""The first users, from the credentials file of `liveops up`."""

from __future__ import annotations

from typing import Any

from liveops.errors import IllegalChange
from liveops.postgres.database import Database
from liveops.postgres.users import add_user, fetch_user
from liveops.security.passwords import hash_password
from liveops.security.principal import ENGINEER, MANAGER

_ROLES = {"admin": ENGINEER, "engineer": ENGINEER, "manager": MANAGER}


async def ensure_users(dsn: str, credentials: dict[str, dict[str, Any]]) -> list[str]:
    """Create the users that are not there yet; existing ones keep their passwords."""
    database = Database(dsn, max_connections=1)
    created: list[str] = []
    try:
        for name, known in credentials.items():
            if await fetch_user(database, name) is not None:
                continue
            hashed = await hash_password(known["password"])
            try:
                await add_user(database, name, hashed, [_ROLES.get(name, MANAGER)])
            except IllegalChange:
                continue  # another start was quicker
            created.append(name)
    finally:
        await database.stop()
    return created
