"""How long and how often a call is tried again: longer each time, and as the server asks."""

from __future__ import annotations

import threading
from typing import Any

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_any,
    stop_before_delay,
    stop_when_event_set,
    wait_random_exponential,
)
from tenacity.nap import sleep_using_event

from liveops.errors import Unavailable

_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 15.0
_backoff = wait_random_exponential(multiplier=_FIRST_DELAY_S, max=_LONGEST_DELAY_S)


def _wait_s(state: RetryCallState) -> float:
    error = None if state.outcome is None else state.outcome.exception()
    asked_s = error.wait_s if isinstance(error, Unavailable) else 0.0
    return max(_backoff(state), asked_s)


_POLICY: dict[str, Any] = {
    "retry": retry_if_exception_type(Unavailable), "wait": _wait_s, "reraise": True,
}  # fmt: skip


def tries(patience_s: float, until: threading.Event) -> Retrying:
    """Tries of a blocking call, for so long and until the event is set."""
    stop = stop_any(stop_before_delay(patience_s), stop_when_event_set(until))
    return Retrying(stop=stop, sleep=sleep_using_event(until), **_POLICY)


def async_tries(patience_s: float) -> AsyncRetrying:
    """Tries of an asynchronous call, for so long."""
    return AsyncRetrying(stop=stop_before_delay(patience_s), **_POLICY)
