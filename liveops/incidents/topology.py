"""The call graph, as the correlator asks it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from schema.rules import Edge

#: A fault is believed to show this many calls away without a witness between.
REACH = 2


class Topology:
    """Who calls whom; edges lead from caller to callee."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        self._callees: dict[str, set[str]] = defaultdict(set)
        self._callers: dict[str, set[str]] = defaultdict(set)
        for edge in edges:
            if edge.caller != edge.callee:
                self._callees[edge.caller].add(edge.callee)
                self._callers[edge.callee].add(edge.caller)
        self._below: dict[str, dict[str, int]] = {}
        self._above: dict[str, dict[str, int]] = {}

    def calls_any(self, service: str) -> bool:
        """Whether the service depends on another one."""
        return bool(self._callees.get(service))

    def is_entry(self, service: str) -> bool:
        """Whether it calls others and nobody is known to call it."""
        return self.calls_any(service) and not self._callers.get(service)

    def below(self, service: str) -> dict[str, int]:
        """Services it depends on within reach, with the number of calls to them."""
        if service not in self._below:
            self._below[service] = _rings(service, self._callees)
        return self._below[service]

    def above(self, service: str) -> dict[str, int]:
        """Services that depend on it within reach, with the number of calls from them."""
        if service not in self._above:
            self._above[service] = _rings(service, self._callers)
        return self._above[service]


def _rings(service: str, near: dict[str, set[str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    ring = {service}
    for distance in range(1, REACH + 1):
        ring = {other for name in ring for other in near.get(name, ())}
        ring -= found.keys() | {service}
        found |= dict.fromkeys(ring, distance)
    return found
