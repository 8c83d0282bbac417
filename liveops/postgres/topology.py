"""The call graph in PostgreSQL, declared and learned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from liveops.outbox import enqueue
from liveops.postgres.database import Database
from liveops.postgres.queries import load
from liveops.slices import in_slices
from schema.config import TOPOLOGY_DECLARED
from schema.metrics import is_service_name
from schema.rules import Edge
from schema.topics import CONFIG

#: Days for which a learned call is known without being seen again.
LEARNED_DAYS = 14


async def read_topology(database: Database) -> list[Edge]:
    """Edges of all sources; raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(load("config")["edges"])
    return await in_slices(_edge, rows)


def _edge(row: Any) -> Edge:
    return Edge(
        caller=row["caller"],
        callee=row["callee"],
        source=row["source"],
        first_seen_s=row["first_seen"].timestamp() if row["first_seen"] else None,
        last_seen_s=row["last_seen"].timestamp() if row["last_seen"] else None,
    )


def expires_s(edge: Edge) -> float | None:
    """When a learned edge is forgotten unless it is seen again; None of a declared one."""
    if edge.source == "declared" or edge.last_seen_s is None:
        return None
    return edge.last_seen_s + LEARNED_DAYS * 86_400.0


async def learn_edges(database: Database, edges: Iterable[tuple[str, str]]) -> None:
    """Write (caller, callee) as seen now; raises Unavailable.

    What cannot be the name of a service is left out: a tag may hold anything.
    """
    named = [edge for edge in edges if all(is_service_name(name) for name in edge)]
    async with database.connection() as con:
        await con.executemany(load("correlation")["learn_edge"], named)


async def declare_topology(database: Database, edges: list[tuple[str, str]], now_s: float) -> None:
    """Replace what was declared before, not what was learned; raises Unavailable."""
    queries = load("config")
    unique = sorted(set(edges))
    told = [Edge(caller=caller, callee=callee, last_seen_s=now_s) for caller, callee in unique]
    async with database.transaction() as con:
        await con.execute(queries["lock_declared"])
        await con.execute(
            queries["forget_declared"], *([edge[n] for edge in unique] for n in (0, 1))
        )
        await con.executemany(queries["declare_edge"], unique)
        await enqueue(con, CONFIG, TOPOLOGY_DECLARED, msgspec.json.encode(told))
