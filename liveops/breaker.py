"""Circuit breaker: after repeated failures a dependency is left alone for a while."""

from __future__ import annotations

from liveops.clock import Clock, SystemClock


class Breaker:
    """Opens after `threshold` failures in a row, for `open_s` seconds; then one try."""

    def __init__(self, threshold: int = 3, open_s: float = 1.0, clock: Clock | None = None) -> None:
        self._threshold = threshold
        self._open_s = open_s
        self._clock = clock or SystemClock()
        self._failures = 0
        self._opened_at_s = float("-inf")

    @property
    def allows(self) -> bool:
        """Whether a call may be tried now."""
        if self._failures < self._threshold:
            return True
        return self._clock.monotonic_s() - self._opened_at_s >= self._open_s

    @property
    def healthy(self) -> bool:
        """Whether the last call succeeded (or none was made)."""
        return self._failures == 0

    def succeeded(self) -> None:
        """Close the circuit."""
        self._failures = 0

    def failed(self) -> None:
        """Count a failure; opens (again) at the threshold."""
        self._failures += 1
        if self._failures >= self._threshold:
            self._opened_at_s = self._clock.monotonic_s()
