"""What is known and when each was last seen; whoever keeps one states its own limits.

Nothing is forgotten by itself: the owner asks what has expired, or what is oldest above
a count, and says what it has forgotten. All answers are in one order, by time and then by
key, so that the same log gives the same answers everywhere.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar


class Ordered(Protocol):
    """What a key must be: hashable, and comparable with others of its kind."""

    def __hash__(self) -> int: ...

    def __lt__(self, other: Any, /) -> bool: ...


K = TypeVar("K", bound=Ordered)


class Registry(Generic[K]):
    """Known keys with the time each was last seen; times in seconds of one clock."""

    def __init__(self) -> None:
        self._seen_s: dict[K, float] = {}

    def __len__(self) -> int:
        return len(self._seen_s)

    def __contains__(self, key: object) -> bool:
        return key in self._seen_s

    def __iter__(self) -> Iterator[K]:
        return iter(self._seen_s)

    def touch(self, key: K, time_s: float) -> None:
        """The key was seen at `time_s`; an earlier sight than the last one changes nothing."""
        known_s = self._seen_s.get(key)
        if known_s is None or time_s > known_s:
            self._seen_s[key] = time_s

    def last_seen_s(self, key: K) -> float | None:
        """When the key was last seen; None when it is not known."""
        return self._seen_s.get(key)

    def forget(self, key: K) -> None:
        """The owner has let the key go; an unknown one changes nothing."""
        self._seen_s.pop(key, None)

    def expired(self, before_s: float) -> list[K]:
        """Keys last seen before `before_s`, oldest first."""
        found = [(seen_s, key) for key, seen_s in self._seen_s.items() if seen_s < before_s]
        return [key for _, key in sorted(found)]

    def oldest(self, count: int) -> list[K]:
        """The `count` keys seen longest ago (fewer when there are not so many), oldest first."""
        pairs = ((seen_s, key) for key, seen_s in self._seen_s.items())
        return [key for _, key in heapq.nsmallest(max(0, count), pairs)]
