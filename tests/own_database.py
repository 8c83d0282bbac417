"""A database of a test's own, which no worker of the shared stack works on."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from tests.stack import TestServers


@asynccontextmanager
async def own_database(servers: TestServers) -> AsyncIterator[TestServers]:
    """The same servers with an empty database; it is dropped at the end."""
    name = f"test_{uuid4().hex[:12]}"
    connection = await asyncpg.connect(servers.database_url)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
        url = urlsplit(servers.database_url)._replace(path=f"/{name}").geturl()
        yield dataclasses.replace(servers, database_url=url)
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await connection.close()
