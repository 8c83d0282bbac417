"""Background tasks: what a worker does beside its streams, for as long as it runs.

None may die unseen: what a task raises is logged, counted and shown in health, and the
task is started again after a pause that grows while it goes on failing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from tenacity import RetryCallState

from liveops.clock import Clock, SystemClock
from liveops.metrics.worker import BACKGROUND_RESTARTS
from liveops.runtime.ending import end
from liveops.runtime.retry import can_pass, failure, retrying

log = structlog.get_logger(__name__)
#: A task that has run for so long is well again; its next failure costs the first pause.
WELL_AFTER_S = 60.0


class BackgroundService(Protocol):
    """Something that lives as long as the worker.

    It may have a `fault`: why it failed of late, in one line, or "".
    """

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class BackgroundTask:
    """Runs one coroutine function until it returns or the worker stops."""

    def __init__(
        self, run: Callable[[], Awaitable[None]], name: str, clock: Clock | None = None
    ) -> None:
        self._run = run
        self._name = name
        self._restarts = BACKGROUND_RESTARTS.labels(name)
        self._clock = clock or SystemClock()
        self._began_s = 0.0
        self._failed_s = float("-inf")
        self._error = ""
        self._task: asyncio.Task[None] | None = None

    @property
    def fault(self) -> str:
        """Why the task failed within the last minute, in one line; "" when it did not."""
        failed_for_s = self._clock.monotonic_s() - self._failed_s
        return f"{self._name}: {self._error}" if failed_for_s < WELL_AFTER_S else ""

    async def start(self) -> None:
        """Start the task; returns at once."""
        self.launch()

    def launch(self) -> None:
        """Start the task on the running loop."""
        self._task = asyncio.create_task(self._supervised(), name=self._name)

    async def stop(self) -> None:
        """Cancel the task and wait for its end."""
        task, self._task = self._task, None
        if task is not None:
            await end(task)

    def cancel(self) -> None:
        """Cancel the task without waiting for its end."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    async def _supervised(self) -> None:
        async for attempt in retrying(on=_is_failure, after=self._note):
            with attempt:
                self._began_s = self._clock.monotonic_s()
                await self._run()

    def _note(self, state: RetryCallState) -> None:
        error = failure(state)
        self._failed_s = self._clock.monotonic_s()
        self._error = str(error) or type(error).__name__
        if self._failed_s - self._began_s >= WELL_AFTER_S:
            state.attempt_number = 1
        self._restarts.inc()
        if _is_passing(error):
            log.warning("background task waits", task=self._name, error=self._error)
        else:
            log.error("background task failed, starting it again", task=self._name, exc_info=error)


def _is_passing(error: BaseException | None) -> bool:
    """Whether a server is just away: no fault of ours that a traceback would explain."""
    if error is None or isinstance(error, OSError) or can_pass(error):
        return True
    return bool(getattr(error, "retriable", False))  # the Kafka client's own verdict


def _is_failure(error: BaseException) -> bool:
    return isinstance(error, Exception)
