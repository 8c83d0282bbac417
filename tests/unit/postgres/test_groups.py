"""Open groups of which one cannot be read: the others go on."""

from __future__ import annotations

from typing import Any

import msgspec

from liveops.incidents.fold import fold
from liveops.incidents.state import Groups, Source
from liveops.incidents.topology import Topology
from liveops.postgres.correlation import load_groups
from tests.aggregates import detection


class Connection:
    """PostgreSQL with these groups and no resolved incident."""

    def __init__(self, states: list[Any]) -> None:
        self._states = states

    async def fetch(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        return [] if arguments else [{"state": state} for state in self._states]


async def test_a_group_of_an_unknown_form_is_left_alone() -> None:
    groups: Groups = {}
    fold(groups, detection("svc"), Source("t", 0, 0, 0.0, 0.0), Topology(()))
    good = [msgspec.to_builtins(group) for group in groups.values()]
    found, resolved = await load_groups(Connection([{"form": "later"}, *good, 7]))
    assert (found, resolved) == (groups, set())
