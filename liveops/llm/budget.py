"""Spending limits over the last hour: calls, tokens and money."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from liveops.clock import Clock

_HOUR_S = 3600.0
#: What is limited, by the names of SpendingLimits.
LIMITS = ("calls", "tokens", "usd")


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """Most that one process may spend within an hour."""

    calls: int = 60
    tokens: int = 400_000
    usd: float = 5.0


class Budget:
    """Counts what was spent; `allows` is asked before each call."""

    def __init__(self, limits: SpendingLimits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._spent: deque[tuple[float, int, float]] = deque()

    @property
    def allows(self) -> bool:
        """Whether every limit still has room."""
        return all(self.left(limit) > 0 for limit in LIMITS)

    def left(self, limit: str) -> float:
        """What is left of one of LIMITS, from 1 to 0."""
        now_s = self._clock.monotonic_s()
        while self._spent and self._spent[0][0] <= now_s - _HOUR_S:
            self._spent.popleft()
        spent = {
            "calls": len(self._spent),
            "tokens": sum(tokens for _, tokens, _ in self._spent),
            "usd": sum(usd for _, _, usd in self._spent),
        }
        allowed: float = getattr(self._limits, limit)
        return max(0.0, 1 - spent[limit] / allowed) if allowed else 0.0

    def spend(self, tokens: int, usd: float) -> None:
        """Record one call; a failed one counts with what is known of it."""
        self._spent.append((self._clock.monotonic_s(), tokens, usd))
