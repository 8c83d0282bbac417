"""The one policy for trying again: exponential, with jitter, without an end.

Everything that waits for a broker or a store uses it; what gives up sets a deadline outside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    stop_never,
    wait_random_exponential,
)
from tenacity.stop import StopBaseT

from liveops.errors import LiveOpsError

log = structlog.get_logger(__name__)
#: The first pauses are about this long, each further one up to twice as long.
FIRST_S = 0.2
#: The longest pause: also how late the end of an outage is noticed.
LONGEST_S = 5.0

Hook = Callable[[RetryCallState], Any]


def can_pass(error: BaseException) -> bool:
    """Whether trying again can help: the verdict of the error tree."""
    return isinstance(error, LiveOpsError) and error.retryable


def retrying(
    waiting_for: str = "",
    *,
    on: Callable[[BaseException], bool] = can_pass,
    first_s: float | None = None,
    longest_s: float | None = None,
    within_s: float | None = None,
    attempts: int | None = None,
    after: Hook | None = None,
) -> AsyncRetrying:
    """Tries until it succeeds; other exceptions than those of `on` are raised at once.

    Use as `await retrying("kafka")(function, argument)`, or `async for attempt in
    retrying("kafka"):` with `with attempt:` inside. The first failure is logged as
    `waiting_for`, unless `after` is called with each one instead. After `within_s`, or so
    many attempts, the last failure is raised.
    """
    return AsyncRetrying(
        retry=retry_if_exception(on),
        stop=_stop(within_s, attempts),
        wait=wait_random_exponential(
            multiplier=FIRST_S if first_s is None else first_s,
            max=LONGEST_S if longest_s is None else longest_s,
        ),
        after=after or _tell_once(waiting_for),
        reraise=True,
    )


def _stop(within_s: float | None, attempts: int | None) -> StopBaseT:
    if attempts is not None:
        return stop_after_attempt(attempts)
    return stop_never if within_s is None else stop_after_delay(within_s)


def failure(state: RetryCallState) -> BaseException | None:
    """What the last try raised."""
    return None if state.outcome is None else state.outcome.exception()


def _tell_once(waiting_for: str) -> Hook:
    def tell(state: RetryCallState) -> None:
        if waiting_for and state.attempt_number == 1:
            log.warning("waiting, trying again", waiting_for=waiting_for, error=str(failure(state)))

    return tell
