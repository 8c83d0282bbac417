"""Circuit breaker: after repeated failures a dependency is left alone for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from liveops.clock import Clock, SystemClock
from liveops.errors import Unavailable

Errors = tuple[type[BaseException], ...]


class Breaker:
    """Opens after `threshold` failures in a row, for `open_s` seconds; then one probe.

    Until that one call has ended no other is let through: a server that comes back is not
    met by all who have waited for it.
    """

    def __init__(self, threshold: int = 3, open_s: float = 1.0, clock: Clock | None = None) -> None:
        self._threshold = threshold
        self._open_s = open_s
        self._clock = clock or SystemClock()
        self._failures = 0
        self._opened_at_s = float("-inf")
        self._probing = False

    @property
    def healthy(self) -> bool:
        """Whether the last call succeeded (or none was made)."""
        return self._failures == 0

    @contextmanager
    def call(self, part: str, trouble: Errors, but: Errors = ()) -> Iterator[bool]:
        """Surrounds one call of `part`; raises Unavailable(part) at once while the circuit is open.

        Trouble becomes Unavailable(part) and counts as a failure. Other exceptions, and
        those of `but`, say nothing about the part. Gives whether the call is the probe.
        """
        probe = self._admit(part)
        try:
            yield probe
        except but:
            raise
        except trouble as error:
            self._failed()
            raise Unavailable(part) from error
        else:
            self.succeeded()
        finally:
            if probe:
                self._probing = False

    def succeeded(self) -> None:
        """The part has answered: the circuit is closed, also before the call ends."""
        self._failures = 0

    def _admit(self, part: str) -> bool:
        """Whether this call is the probe; raises Unavailable(part) when it may not be made."""
        if self._failures < self._threshold:
            return False
        waited_s = self._clock.monotonic_s() - self._opened_at_s
        if self._probing or waited_s < self._open_s:
            raise Unavailable(part, f"{part} failed repeatedly and is left alone for a while")
        self._probing = True
        return True

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= self._threshold:
            self._opened_at_s = self._clock.monotonic_s()
