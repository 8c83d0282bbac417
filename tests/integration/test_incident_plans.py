"""No filter of the incident list reads all incidents: the plans on many."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
import pytest

from liveops.postgres.migrate import migrate
from liveops.postgres.queries import load
from tests.stack import TestServers

pytestmark = pytest.mark.integration
Connection: TypeAlias = "asyncpg.Connection[Any]"
FILL = """
INSERT INTO incidents (id, title, description, severity, status, service_name, affected_services,
                       detected_at, source, fingerprint)
SELECT gen_random_uuid(), 'plan of ' || md5(i::text), repeat('word ', 40),
       (ARRAY['critical', 'high', 'medium', 'low'])[1 + i % 4],
       CASE i % 50 WHEN 0 THEN 'open' ELSE 'resolved' END, 'plan-' || i % 300,
       ARRAY['plan-' || i % 300, 'plan-' || i * 7 % 300], now() - i * interval '1 minute',
       'detector', 'plan'
FROM generate_series(1, 20000) i
"""
NONE = (None, None, None, None, None, None)
#: The filters of the list: statuses, severities, service, from, to, text.
FILTERS: dict[str, tuple[Any, ...]] = {
    "none": NONE,
    "status": (["open"], *NONE[1:]),
    "severity": (None, ["low"], *NONE[2:]),
    "service": (None, None, "plan-7", None, None, None),
    "rare text": (*NONE[:5], "%c4ca4238a0b9%"),
    "no such text": (*NONE[:5], "%nothing like it%"),
}


@pytest.fixture
async def con(servers: TestServers) -> AsyncIterator[Connection]:
    await migrate(servers.database_url)
    con = await asyncpg.connect(servers.database_url)
    await con.execute(FILL)
    await con.execute("VACUUM ANALYZE incidents")
    yield con
    await con.execute("DELETE FROM incidents WHERE fingerprint = 'plan'")
    await con.close()


async def test_every_filter_of_the_list_is_looked_up(con: Connection) -> None:
    for name, filters in FILTERS.items():
        async with con.transaction():
            await con.execute(load("incidents")["plan_anew"])
            explain = "EXPLAIN (ANALYZE, FORMAT JSON) " + load("incidents")["list"]
            plan = json.loads(await con.fetchval(explain, *filters, None, None, 51))[0]["Plan"]
        assert "Seq Scan" not in json.dumps(plan), (name, plan)
        assert removed(plan) < 4000, (name, plan)


def removed(plan: dict[str, Any]) -> int:
    """Rows that were read and did not match."""
    mine = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    return int(mine) + sum(removed(part) for part in plan.get("Plans", []))
