"""The role `reader`: reads the views of the schema `reader`, for Grafana and the like."""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64encode
from typing import Any

import asyncpg

from liveops.postgres.queries import load

_ITERATIONS = 4096
_SALT_BYTES = 16


async def ensure_reader(connection: asyncpg.Connection[Any], password: str | None) -> bool:
    """Make the role if it is missing and let it sign in with this password, or not at all.

    False where this user may not make roles: somebody else has to.
    """
    try:
        async with connection.transaction():
            return await _ensure(connection, password)
    except asyncpg.InsufficientPrivilegeError:  # somebody else has made the role
        return False


async def _ensure(connection: asyncpg.Connection[Any], password: str | None) -> bool:
    queries = load("reader")
    role: Any = await connection.fetchrow(queries["role"])
    if not role["may_make"]:
        return False
    if not role["is_there"]:
        await connection.execute("CREATE ROLE reader NOLOGIN")
    await connection.execute(queries["grant"])
    if password is None:
        await connection.execute(queries["no_login"])
    else:
        await connection.execute(await connection.fetchval(queries["login"], _verifier(password)))
    return True


def _verifier(password: str) -> str:
    """What PostgreSQL stores of a password (RFC 5803), so that its log never sees the password."""
    salt = os.urandom(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    server = hmac.digest(salted, b"Server Key", "sha256")
    stored = hashlib.sha256(client).digest()
    texts = [b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{texts[0]}${texts[1]}:{texts[2]}"
