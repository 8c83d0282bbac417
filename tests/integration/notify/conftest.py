"""A database of its own for each test, a receiver that answers, and settings of a copy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from liveops.postgres.database import Database
from liveops.postgres.migrate import migrate
from liveops.settings import Settings
from tests.notified import World, settings_of
from tests.own_database import own_database
from tests.receiver_server import ReceiverServer, receiver_server
from tests.stack import TestServers


@pytest.fixture
async def own(servers: TestServers) -> AsyncIterator[TestServers]:
    async with own_database(servers) as found:
        yield found


@pytest.fixture
async def world(own: TestServers) -> AsyncIterator[World]:
    await migrate(own.database_url)
    database = Database(own.database_url)
    yield World(database)
    await database.stop()


@pytest.fixture
def settings(own: TestServers, tmp_path: Path) -> Settings:
    return settings_of(own.database_url, tmp_path, public_url="https://ops.example.com/")


@pytest.fixture
async def server() -> AsyncIterator[ReceiverServer]:
    async with receiver_server() as running:
        yield running
