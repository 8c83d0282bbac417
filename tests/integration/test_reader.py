"""The role `reader` on a real PostgreSQL: the shipped dashboard's SQL runs, nothing else does."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from liveops.clock import FakeClock
from liveops.postgres.database import Database
from liveops.postgres.migrate import migrate
from liveops.postgres.reader import ensure_reader
from liveops.postgres.service_cards import change_card
from schema.times import format_time
from tests.deploy.shipped import Expression, queries
from tests.rolled import Rolled
from tests.stack import TestServers

pytestmark = pytest.mark.integration
PASSWORD = "a reader's pass'word \\ %"
INCIDENT = """
INSERT INTO incidents (id, title, severity, status, service_name, affected_services, detected_at)
VALUES (gen_random_uuid(), 'Too slow', 'high', 'open', $1::text, ARRAY[$1::text], now())
"""


def as_reader(url: str, password: str = PASSWORD) -> dict[str, Any]:
    parts = urlsplit(url)
    plain = urlunsplit(parts._replace(netloc=f"{parts.hostname}:{parts.port}"))
    return {"dsn": plain, "user": "reader", "password": password}


def expanded(sql: str, service: str, window: str) -> str:
    """As Grafana's datasource would send it."""
    now_s = time.time()
    span = f"BETWEEN '{format_time(now_s - 86_400)}' AND '{format_time(now_s + 60)}'"
    sql = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 {span}", sql)
    sql = sql.replace("${service:sqlstring}", f"'{service}','other'")
    sql = sql.replace("$window", window).replace("$metric", "delta")
    assert "$" not in sql
    return sql


@pytest.fixture
async def rolled(servers: TestServers) -> AsyncIterator[Rolled]:
    """A service with windows, a rollup and an incident."""
    await migrate(servers.database_url, PASSWORD)
    database = Database(servers.database_url, max_connections=2)
    rolled = Rolled(database, FakeClock(time.time() + 2 * 86_400))
    await rolled.store(rolled.report(("delta", "a"), int(time.time()) - 7200, 1.0, 2.0))
    await change_card(database, rolled.service, {"owner": "Payments"}, "ada")
    await rolled.settle()
    async with database.connection() as con:
        await con.execute(INCIDENT, rolled.service)
    yield rolled
    async with database.connection() as con:
        await con.execute("DELETE FROM incidents WHERE service_name = $1", rolled.service)
        await con.execute("TRUNCATE rollup_changes, rollup_backlog")
    await database.stop()


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.text[:40])
async def test_what_the_dashboard_asks_runs_as_reader_and_has_data(
    servers: TestServers, rolled: Rolled, query: Expression
) -> None:
    con = await asyncpg.connect(**as_reader(servers.database_url))
    try:
        windows = ("1m", "1h") if "$window" in query.text else ("1m",)
        for window in windows:
            rows = await con.fetch(expanded(query.text, rolled.service, window))
            assert rows, (query.where, window)
            if '"time"' in query.text:
                assert next(iter(rows[0].keys())) == "time"
    finally:
        await con.close()


async def test_reader_sees_its_views_and_nothing_else(servers: TestServers, rolled: Rolled) -> None:
    owner = await asyncpg.connect(servers.database_url)
    con = await asyncpg.connect(**as_reader(servers.database_url))
    try:
        found = await con.fetch("SELECT owner, links FROM services WHERE service_name = $1",
                                rolled.service)  # fmt: skip
        assert [tuple(row) for row in found] == [("Payments", "{}")]
        tables = await owner.fetch(
            "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind IN ('r', 'p', 'v') "
            "AND relnamespace = 'public'::regnamespace"
        )
        assert {"users", "refresh_tokens", "ingest_tokens", "metrics"} <= {
            r["name"] for r in tables
        }
        for row in tables:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await con.fetch(f"SELECT * FROM public.{row['name']} LIMIT 1")
        for statement in (
            "CREATE TABLE mine (a int)", "DELETE FROM windows", "UPDATE services SET owner = 'x'",
        ):  # fmt: skip
            await con.execute("SET default_transaction_read_only = off")  # only a default
            with pytest.raises(asyncpg.PostgresError):
                await con.execute(statement)
        columns = await con.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'reader'"
        )
        names = {row["column_name"] for row in columns}
        assert not {n for n in names if re.search("hash|token|secret|password", n)}
    finally:
        await con.close()
        await owner.close()


async def test_nobody_signs_in_without_the_password(servers: TestServers) -> None:
    await migrate(servers.database_url, PASSWORD)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(**as_reader(servers.database_url, "another"))
    await migrate(servers.database_url)
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(**as_reader(servers.database_url))


@pytest.mark.parametrize("right", ["NOCREATEROLE", "CREATEROLE"])
async def test_who_may_not_change_the_role_leaves_it_to_others(
    servers: TestServers, right: str
) -> None:
    """Also one who may make roles, where somebody else has made this one."""
    await migrate(servers.database_url, PASSWORD)
    name = f"plain_{uuid4().hex[:8]}"
    owner = await asyncpg.connect(servers.database_url)
    try:
        await owner.execute(f"CREATE ROLE {name} {right}")
        await owner.execute(f"SET ROLE {name}")
        assert not await ensure_reader(owner, None)
        await owner.execute("RESET ROLE")
        await owner.execute(f"DROP ROLE {name}")
        await (await asyncpg.connect(**as_reader(servers.database_url))).close()
    finally:
        await owner.close()
