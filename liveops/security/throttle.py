"""Login throttling: failures cost waiting."""

from __future__ import annotations

from collections import OrderedDict

#: Failures that cost nothing.
FREE = 5
#: The first wait; doubles with each further failure.
BASE_S = 1.0
MAX_WAIT_S = 300.0
_FORGET_S = 900.0
_MAX_KEYS = 10_000


class Throttle:
    """Counts failures by key in this process; the oldest keys are forgotten first.

    The first `free` failures of a key cost nothing, each further one a longer wait.
    """

    def __init__(self, free: int = FREE) -> None:
        self._free = free
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, keys: list[str], now_s: float) -> float:
        """Seconds until another try is allowed; 0 when it is now."""
        return max((self._wait(key, now_s) for key in keys), default=0.0)

    def _wait(self, key: str, now_s: float) -> float:
        count, at_s = self._failures.get(key, (0, 0.0))
        if count < self._free or now_s - at_s > _FORGET_S:
            return 0.0
        pause_s = min(MAX_WAIT_S, BASE_S * 2.0 ** min(count - self._free, 16))
        return max(0.0, at_s + pause_s - now_s)

    def failed(self, keys: list[str], now_s: float) -> None:
        """Count a failure for each key."""
        for key in keys:
            count, at_s = self._failures.pop(key, (0, 0.0))
            self._failures[key] = (1 if now_s - at_s > _FORGET_S else count + 1, now_s)
        while len(self._failures) > _MAX_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, keys: list[str]) -> None:
        """Forget the failures of these keys."""
        for key in keys:
            self._failures.pop(key, None)
