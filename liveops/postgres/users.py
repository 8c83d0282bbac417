"""Users and their sessions in PostgreSQL."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec

from liveops.errors import IllegalChange, NotFound
from liveops.outbox import enqueue
from liveops.postgres.database import Database
from liveops.postgres.queries import load
from liveops.security.principal import ENGINEER
from schema.config import REVOKED, USER
from schema.times import format_time, to_datetime
from schema.topics import CONFIG


@dataclass(frozen=True, slots=True)
class User:
    """A user; `password_hash` is None where it was not asked for."""

    name: str
    roles: tuple[str, ...]
    disabled: bool
    created_at_s: float
    password_hash: str | None = None

    def public(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "username": self.name,
            "roles": list(self.roles),
            "disabled": self.disabled,
            "created_at": format_time(self.created_at_s),
        }


def _user(row: Any) -> User:
    return User(
        row["name"],
        tuple(row["roles"]),
        row["disabled"],
        row["created_at"].timestamp(),
        row.get("password_hash"),
    )


async def fetch_user(database: Database, name: str) -> User | None:
    """One user with their hash; raises Unavailable."""
    async with database.connection() as con:
        row = await con.fetchrow(load("users")["fetch"], name)
    return None if row is None else _user(row)


async def all_users(database: Database) -> list[User]:
    """Every user by name; raises Unavailable."""
    async with database.connection() as con:
        return [_user(row) for row in await con.fetch(load("users")["all"])]


async def add_user(database: Database, name: str, password_hash: str, roles: list[str]) -> None:
    """A new user; raises IllegalChange when the name is taken, Unavailable."""
    async with database.connection() as con:
        if await con.fetchval(load("users")["insert"], name, password_hash, roles) is None:
            raise IllegalChange(f"there is a user {name} already")


async def change_user(
    database: Database,
    name: str,
    *,
    password_hash: str | None = None,
    roles: list[str] | None = None,
    disabled: bool | None = None,
) -> None:
    """Change a user and end their sessions and tokens; one ENGINEER has to remain."""
    queries = load("users")
    async with database.transaction() as con:
        await con.execute(queries["lock_administration"])
        changed = await con.fetchval(queries["update"], name, password_hash, roles, disabled)
        if changed is None:
            raise NotFound("no user of this name")
        await _keep_an_engineer(con)
        await con.execute(queries["end_sessions"], name)
        await _cut_off(con, name)


async def delete_user(database: Database, name: str) -> None:
    """Remove a user with their sessions, tokens and the ingest tokens they have made.

    Raises NotFound, IllegalChange for the last ENGINEER, Unavailable.
    """
    queries = load("users")
    async with database.transaction() as con:
        await con.execute(queries["lock_administration"])
        if await con.fetchval(queries["delete"], name) is None:
            raise NotFound("no user of this name")
        await _keep_an_engineer(con)
        await _cut_off(con, name)
        for row in await con.fetch(queries["revoke_ingest_tokens_of"], name):
            await revoke_token(con, str(row["id"]), row["ends_at"].timestamp())


async def _cut_off(con: Any, name: str) -> None:
    """Make every access token worthless that the user has now, on all workers."""
    since = await con.fetchval(load("users")["cut_off"], USER + name)
    await enqueue(con, CONFIG, REVOKED + USER + name, msgspec.json.encode(since))


async def _keep_an_engineer(con: Any) -> None:
    if not await con.fetchval(load("users")["engineers"]):
        raise IllegalChange(f"at least one enabled {ENGINEER} has to remain")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def start_session(database: Database, name: str, expires_at_s: float) -> str:
    """A new family of refresh tokens; returns the first. Raises Unavailable."""
    token = secrets.token_urlsafe(32)
    async with database.connection() as con:
        await con.execute(
            load("users")["add_refresh"],
            _digest(token),
            str(uuid4()),
            name,
            to_datetime(expires_at_s),
        )
    return token


async def rotate_session(
    database: Database, token: str, now_s: float, expires_at_s: float
) -> tuple[str, str] | None:
    """(user, next refresh token), or None for a token that is not good.

    A token that was used before ends its whole family: somebody has a copy.
    """
    queries = load("users")
    async with database.transaction() as con:
        row = await con.fetchrow(queries["lock_refresh"], _digest(token))
        if row is None:
            return None
        if row["used_at"] is not None or row["expires_at"].timestamp() <= now_s:
            await con.execute(queries["end_family"], row["family"])
            return None
        following = secrets.token_urlsafe(32)
        await con.execute(queries["use_refresh"], _digest(token))
        await con.execute(
            queries["add_refresh"],
            _digest(following),
            row["family"],
            row["user_name"],
            to_datetime(expires_at_s),
        )
    return row["user_name"], following


async def end_session(database: Database, refresh_token: str) -> None:
    """End the family of a refresh token, if it is known; raises Unavailable."""
    queries = load("users")
    async with database.transaction() as con:
        row = await con.fetchrow(queries["lock_refresh"], _digest(refresh_token))
        if row is not None:
            await con.execute(queries["end_family"], row["family"])


async def end_sessions(database: Database, name: str) -> None:
    """End every session of a user; raises Unavailable."""
    async with database.connection() as con:
        await con.execute(load("users")["end_sessions"], name)


async def revoke_token(con: Any, jti: str, expires_at_s: float) -> None:
    """Make a token worthless everywhere, in the running transaction."""
    await con.execute(load("users")["revoke"], jti, to_datetime(expires_at_s))
    await enqueue(con, CONFIG, REVOKED + jti, msgspec.json.encode(expires_at_s))
