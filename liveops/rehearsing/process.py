"""The process in which rehearsals run, one after the other."""

from __future__ import annotations

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from liveops.errors import Unavailable
from liveops.forecasting.process import begin
from liveops.rehearsing.history import Rehearsed, rehearse
from schema.rules import Rule

#: Rehearsals that may wait for the one that runs.
MOST_WAITING = 4


class RehearsalProcess:
    """A background service: a process of low priority that starts with the first rehearsal."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._pool: ProcessPoolExecutor | None = None
        self._waiting = 0

    async def start(self) -> None:
        """Nothing to do yet."""

    async def stop(self) -> None:
        """End the process and drop what waits."""
        self._close()

    async def run(self, rule: Rule, from_s: float, to_s: float) -> Rehearsed:
        """Rehearse a rule; raises InvalidInput, and Unavailable when too many wait."""
        if self._waiting >= MOST_WAITING:
            raise Unavailable("rehearsals")
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=begin)
        loop, self._waiting = asyncio.get_running_loop(), self._waiting + 1
        try:
            return await loop.run_in_executor(self._pool, rehearse, self._dsn, rule, from_s, to_s)
        except BrokenProcessPool as error:
            self._close()
            raise Unavailable("rehearsals") from error
        finally:
            self._waiting -= 1

    def _close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
