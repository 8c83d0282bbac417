"""Numbered SQL migrations, forward only, one runner at a time (advisory lock)."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import asyncpg
import structlog

from liveops.postgres.partitions import ensure_partitions
from liveops.postgres.reader import ensure_reader

log = structlog.get_logger(__name__)
_LOCK = 0x6C697665  # "live"
_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
"""


def available() -> list[tuple[int, str, str]]:
    """(version, file name, SQL) of every migration, ascending."""
    folder = files("liveops.postgres").joinpath("migrations")
    found = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return [(int(name[:4]), name, folder.joinpath(name).read_text("utf-8")) for name in found]


async def migrate(dsn: str, reader_password: str | None = None) -> list[str]:
    """Apply what is missing, make partitions and the role `reader`; the names applied.

    Without a password the role cannot sign in.
    """
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        applied = await _apply_missing(connection)
        await ensure_partitions(connection)
        if not await ensure_reader(connection, reader_password):
            log.warning("the role reader is left alone: this user may not make roles")
    finally:
        await connection.close()
    return applied


async def missing(dsn: str) -> list[str]:
    """Names of migrations this database has not seen."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        known = await _known(connection)
    finally:
        await connection.close()
    return [name for version, name, _ in available() if version not in known]


async def _known(connection: asyncpg.Connection[Any]) -> set[int]:
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return set()
    return {
        row["version"] for row in await connection.fetch("SELECT version FROM schema_migrations")
    }


async def _apply_missing(connection: asyncpg.Connection[Any]) -> list[str]:
    await connection.execute(_LEDGER)
    known = await _known(connection)
    applied: list[str] = []
    for version, name, sql in available():
        if version in known:
            continue
        async with connection.transaction():
            await connection.execute(sql)
            await connection.execute(
                "INSERT INTO schema_migrations (version, name) VALUES ($1, $2)", version, name
            )
        applied.append(name)
    return applied
