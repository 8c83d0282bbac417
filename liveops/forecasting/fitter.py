"""Orders fits from a single low-priority process; a bounded queue, never the event loop."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import structlog

from liveops.detection.forecast import HORIZON, FitRequest
from liveops.forecasting.model import begin, predict
from liveops.runtime.background import BackgroundTask

log = structlog.get_logger(__name__)
_MAX_WAITING = 2000

Accept = Callable[[FitRequest, list[tuple[float, float]]], None]


class Fitter:
    """A background service; `accept` is told each finished forecast."""

    def __init__(self, accept: Accept) -> None:
        self._accept = accept
        self._waiting: asyncio.Queue[FitRequest] = asyncio.Queue(_MAX_WAITING)
        self._ordered: set[tuple[str, str, str]] = set()
        self._pool: ProcessPoolExecutor | None = None
        self._task = BackgroundTask(self._run, "fitter")

    @property
    def fault(self) -> str:
        """Why fitting failed as a whole within the last minute; "" when it did not."""
        return self._task.fault

    async def start(self) -> None:
        """Begin to work; the process starts with the first order."""
        await self._task.start()

    async def stop(self) -> None:
        """Drop what waits and end the process."""
        await self._task.stop()
        self._close_pool()

    def order(self, request: FitRequest) -> None:
        """Queue a fit; one already waiting, or a full queue, drops it: it will be due again."""
        name = request.service, request.series, request.baseline
        if name in self._ordered or self._waiting.full():
            return
        self._ordered.add(name)
        self._waiting.put_nowait(request)

    async def _run(self) -> None:
        while True:
            request = await self._waiting.get()
            try:
                self._accept(request, await self._fit(request))
            except BrokenProcessPool:
                log.warning("the fitting process died, starting another")
                self._close_pool()
            except ValueError as error:
                log.debug("no forecast", series=request.series, error=str(error))
            except Exception:
                log.exception("a series could not be fitted", series=request.series)
            finally:
                self._ordered.discard((request.service, request.series, request.baseline))

    async def _fit(self, request: FitRequest) -> list[tuple[float, float]]:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=begin)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, predict, request.values, HORIZON)

    def _close_pool(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
