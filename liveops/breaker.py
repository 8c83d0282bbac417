"""Circuit breaker: after repeated failures a dependency is left alone for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from liveops.clock import Clock, SystemClock
from liveops.errors import Unavailable
from liveops.metrics.worker import BREAKER_OPEN, DEPENDENCY_FAILURES

Errors = tuple[type[BaseException], ...]


class Breaker:
    """Opens after `threshold` failures in a row, for `open_s` seconds; then one probe.

    Until that one call has ended no other is let through: a server that comes back is not
    met by all who have waited for it. `part` names the dependency in errors and metrics.
    """

    def __init__(
        self, part: str, threshold: int = 3, open_s: float = 1.0, clock: Clock | None = None
    ) -> None:
        self._part = part
        self._threshold = threshold
        self._open_s = open_s
        self._clock = clock or SystemClock()
        self._failures = 0
        self._opened_at_s = float("-inf")
        self._probing = False
        self._is_open = BREAKER_OPEN.labels(part)
        self._trouble = DEPENDENCY_FAILURES.labels(part)

    @property
    def healthy(self) -> bool:
        """Whether the last call succeeded (or none was made)."""
        return self._failures == 0

    @contextmanager
    def call(self, trouble: Errors, but: Errors = ()) -> Iterator[bool]:
        """Surrounds one call of the part; raises Unavailable at once while the circuit is open.

        Trouble becomes Unavailable and counts as a failure. Other exceptions, and
        those of `but`, say nothing about the part. Gives whether the call is the probe.
        """
        probe = self._admit()
        try:
            yield probe
        except but:
            raise
        except trouble as error:
            self._failed()
            raise Unavailable(self._part) from error
        else:
            self.succeeded()
        finally:
            if probe:
                self._probing = False

    def succeeded(self) -> None:
        """The part has answered: the circuit is closed, also before the call ends."""
        self._failures = 0
        self._is_open.set(0)

    def _admit(self) -> bool:
        """Whether this call is the probe; raises Unavailable when it may not be made."""
        if self._failures < self._threshold:
            return False
        waited_s = self._clock.monotonic_s() - self._opened_at_s
        if self._probing or waited_s < self._open_s:
            raise Unavailable(
                self._part, f"{self._part} failed repeatedly and is left alone for a while"
            )
        self._probing = True
        return True

    def _failed(self) -> None:
        self._failures += 1
        self._trouble.inc()
        if self._failures >= self._threshold:
            self._opened_at_s = self._clock.monotonic_s()
            self._is_open.set(1)
