"""Open groups of which one cannot be read: the others go on."""

from __future__ import annotations

from typing import Any

import msgspec

from liveops.incidents.fold import fold
from liveops.incidents.state import Groups, Source
from liveops.incidents.topology import Topology
from liveops.postgres.correlation import load_groups, save_groups
from tests.aggregates import detection


class Connection:
    """PostgreSQL with these groups and no incident."""

    def __init__(self, states: list[Any]) -> None:
        self._states = states
        self.saved: list[str] = []
        self.deleted: list[str] = []

    async def executemany(self, query: str, rows: list[Any]) -> None:
        self.saved += [name for name, _ in rows]

    async def execute(self, query: str, names: list[str]) -> None:
        self.deleted += names

    async def fetch(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        return [{"state": state} for state in self._states]


async def test_a_group_of_an_unknown_form_is_left_alone() -> None:
    groups: Groups = {}
    fold(groups, detection("svc"), Source("t", 0, 0, 0.0, 0.0), Topology(()))
    good = [msgspec.to_builtins(group) for group in groups.values()]
    kept = await load_groups(Connection([{"form": "later"}, *good, 7]), 3)
    assert (kept.groups, kept.revision) == (groups, 3)


async def test_only_what_changed_is_written() -> None:
    groups: Groups = {}
    for name in ("a", "b", "c"):
        fold(groups, detection(name), Source("t", 0, 0, 0.0, 0.0), Topology(()))
    connection = Connection([msgspec.to_builtins(group) for group in groups.values()])
    kept = await load_groups(connection, 1)
    await save_groups(connection, kept)
    assert (connection.saved, connection.deleted) == ([], [])
    first, second, _ = kept.groups
    kept.groups[first].last_offset = 9
    del kept.groups[second]
    await save_groups(connection, kept)
    await save_groups(connection, kept)
    assert (connection.saved, connection.deleted) == ([first], [second])
