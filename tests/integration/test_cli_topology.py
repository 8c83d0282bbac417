"""`liveops topology`: the declared calls as a file; since when and until when a call counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from liveops.cli.commands import app
from liveops.cli.topology import read_calls
from liveops.errors import InvalidInput
from liveops.postgres.database import Database
from liveops.postgres.migrate import migrate
from liveops.postgres.topology import LEARNED_DAYS, expires_s, learn_edges, read_topology
from schema.rules import Edge
from tests.own_database import own_database
from tests.stack import TestServers

pytestmark = pytest.mark.integration
Call = Callable[..., Coroutine[Any, Any, Result]]


@pytest.fixture
async def database(
    servers: TestServers, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Database]:
    async with own_database(servers) as own:
        await migrate(own.database_url)
        monkeypatch.setenv("LIVEOPS_DATABASE_URL", own.database_url)
        monkeypatch.setenv("LIVEOPS_DATA_DIR", str(own.data_dir))
        database = Database(own.database_url, max_connections=2)
        yield database
        await database.stop()


async def call(*words: str) -> str:
    found = await asyncio.to_thread(CliRunner().invoke, app, ("topology", *words))
    assert found.exit_code == 0, found
    return found.stdout


async def edges(database: Database) -> dict[tuple[str, str], Edge]:
    return {(edge.caller, edge.callee): edge for edge in await read_topology(database)}


async def test_a_file_is_applied_and_what_would_change_is_told_before(
    database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "topology.yaml"
    file.write_text("edges:\n- {from: shop, to: cart}\n- {from: shop, to: pay}\n", "utf-8-sig")
    assert (await call("apply", str(file), "--dry-run")).endswith(
        "+ shop -> pay\n2 would be added, 0 would be removed, 0 unchanged\n"
    )
    assert await edges(database) == {}
    assert "2 added, 0 removed" in await call("apply", str(file))
    first = await edges(database)
    await learn_edges(database, [("cart", "db")])
    file.write_text("[{from: shop, to: cart}, {from: cart, to: db}]")
    assert await call("apply", str(file)) == (
        "+ cart -> db\n- shop -> pay\n1 added, 1 removed, 1 unchanged\n"
    )
    assert (await call("export")).count("from:") == 2
    after = await edges(database)
    kept, before = after["shop", "cart"], first["shop", "cart"]
    assert kept.first_seen_s == before.first_seen_s
    assert kept.last_seen_s is not None
    assert before.last_seen_s is not None
    assert kept.last_seen_s > before.last_seen_s
    assert [edge.source for edge in await read_topology(database)] == [
        "declared", "learned", "declared",
    ]  # fmt: skip


async def test_a_learned_call_is_known_since_it_was_seen_first_and_expires(
    database: Database,
) -> None:
    await learn_edges(database, [("shop", "cart")])
    first = (await edges(database))["shop", "cart"]
    await learn_edges(database, [("shop", "cart")])
    again = (await edges(database))["shop", "cart"]
    assert again.first_seen_s == first.first_seen_s
    assert first.last_seen_s is not None
    assert again.last_seen_s is not None
    assert again.last_seen_s > first.last_seen_s
    assert expires_s(again) == again.last_seen_s + LEARNED_DAYS * 86_400


@pytest.mark.parametrize(
    "text", ["edges: [{from: a}]", "edges: [{from: a, to: 'b c'}]", "- a", "{}", ": :", "7"]
)
def test_what_is_no_call_graph_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_calls(text.encode())
