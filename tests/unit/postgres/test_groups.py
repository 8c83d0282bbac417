"""The correlator's state of which something cannot be read: the rest goes on."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from liveops.postgres.correlation import Place, load_correlator, save_correlator
from liveops.postgres.queries import load
from tests.aggregates import BEGIN_S, detection
from tests.correlating import Correlating

PLACE = Place(7, 3, 0.0)


class Connection:
    """PostgreSQL with these groups."""

    def __init__(self, states: list[Any]) -> None:
        self._states = states
        self.saved: list[str] = []
        self.deleted: list[str] = []

    async def executemany(self, query: str, rows: list[Any]) -> None:
        self.saved += [name for name, _ in rows]

    async def execute(self, query: str, names: list[str]) -> None:
        self.deleted += names

    async def fetch(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        states = self._states if query == load("correlation")["groups"] else []
        return [{"state": state} for state in states]

    async def fetchval(self, query: str, *arguments: Any) -> int:
        return 4


def settled() -> list[dict[str, Any]]:
    """Three groups."""
    run = Correlating()
    run.fold_all([detection(name) for name in ("a", "b", "c")], BEGIN_S + 60.0)
    return [msgspec.to_builtins(group) for group in run.correlator.order.settled.values()]


async def test_a_group_of_an_unknown_form_is_left_alone() -> None:
    good = settled()
    kept = await load_correlator(Connection([{"form": "later"}, *good, 7]), PLACE)
    assert [msgspec.to_builtins(one) for one in kept.correlator.order.settled.values()] == good


async def test_only_what_changed_is_written() -> None:
    connection = Connection(settled())
    kept = await load_correlator(connection, PLACE)
    await save_correlator(connection, kept, "t", 0, PLACE, 8)
    assert (connection.saved, connection.deleted, kept.revision) == ([], [], 4)
    first, second, third = kept.correlator.order.settled.values()
    changed = replace(first, last_offset=9)
    kept.correlator.order.put({first.id: changed, third.id: third})
    await save_correlator(connection, kept, "t", 0, PLACE, 9)
    await save_correlator(connection, kept, "t", 0, PLACE, 9)
    assert (connection.saved, connection.deleted) == ([first.id], [second.id])
