"""Who calls whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable


class CallGraph:
    """Calls between services; circles and calls to oneself are allowed, the latter ignored."""

    def __init__(self, edges: Iterable[tuple[str, str]]) -> None:
        self._callees: dict[str, set[str]] = defaultdict(set)
        self.services: set[str] = set()
        for caller, callee in edges:
            self.services |= {caller, callee}
            if caller != callee:
                self._callees[caller].add(callee)
        self._below: dict[str, frozenset[str]] = {}

    @property
    def edges(self) -> list[tuple[str, str]]:
        """Every call once, in a fixed order."""
        return sorted((a, b) for a, called in self._callees.items() for b in called)

    def callees(self, service: str) -> set[str]:
        """Services called directly, itself left out."""
        return self._callees.get(service, set())

    def callers(self, service: str) -> set[str]:
        """Services that call it directly, itself left out."""
        return {caller for caller, called in self._callees.items() if service in called}

    def below(self, service: str) -> frozenset[str]:
        """Every service reachable by calls (circles allowed)."""
        if service not in self._below:
            seen: set[str] = set()
            waiting = [service]
            while waiting:
                new = self._callees.get(waiting.pop(), set()) - seen
                seen |= new
                waiting.extend(new)
            self._below[service] = frozenset(seen)
        return self._below[service]

    def neighbours(self, services: Iterable[str]) -> set[str]:
        """Direct callers and callees of the given services."""
        chosen = set(services)
        near = {callee for service in chosen for callee in self.callees(service)}
        near |= {caller for caller, called in self._callees.items() if called & chosen}
        return near - chosen
