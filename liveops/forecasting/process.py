"""The fitting process: one of low priority, so that fits wait and nothing waits for them."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import structlog

from liveops.detection.forecast import Fit, History
from liveops.forecasting.model import fit

log = structlog.get_logger(__name__)
_NICE = 10


def begin() -> None:
    """Initialise a process beside the worker: low priority, not ended by Ctrl-C."""
    os.nice(_NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class FittingProcess:
    """Starts with the first fit, and anew when it died."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    async def fit(self, history: History) -> Fit | None:
        """What is foreseen; None where nothing can be."""
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=begin)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, fit, history)
        except BrokenProcessPool:
            log.warning("the fitting process died, another is started")
            self.close()
        except ValueError as error:
            log.debug("no forecast", error=str(error))
        return None

    def close(self) -> None:
        """End the process; what it fits is dropped."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
