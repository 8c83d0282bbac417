"""Notifications of a worker: its own connections, so that they hold up nothing else."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncpg

from agents.notify.choosing import choose
from agents.notify.delivering import Deliverer, Links
from liveops.clock import Clock
from liveops.errors import Unavailable
from liveops.metrics.notify import NOTIFICATIONS_WAITING, RECEIVERS_FAILING
from liveops.notify.sender import Sender
from liveops.postgres import deliveries as store
from liveops.postgres.database import TROUBLE, Database
from liveops.runtime.background import BackgroundTask
from liveops.settings import Settings, required

_POLL_S = 1.0
_COUNT_S = 10.0
_CONNECTIONS = 6
#: What leaves within so long makes room together.
_GATHER_S = 0.01


class Notifications:
    """Chooses receivers when the outbox grows, and delivers what is due."""

    def __init__(self, settings: Settings, clock: Clock, sender: Sender) -> None:
        self._database = Database(required(settings, "database_url"), _CONNECTIONS)
        self._clock = clock
        self._sender = sender
        self._grown = asyncio.Event()
        self._deliverer = Deliverer(self._database, sender, clock, Links(settings.public_url))
        self._tasks = [
            BackgroundTask(self._choose, "notify-choose"),
            BackgroundTask(self._deliver, "notify-deliver"),
            BackgroundTask(self._count, "notify-count"),
        ]

    @property
    def fault(self) -> str:
        """Why nobody is told, in one line; "" when they are."""
        return "; ".join(filter(None, (task.fault for task in self._tasks)))

    async def start(self) -> None:
        """Begin; returns at once."""
        for task in self._tasks:
            await task.start()

    async def stop(self) -> None:
        """Stop; what is on its way is given a moment."""
        for task in self._tasks:
            await task.stop()
        await self._deliverer.stop()
        await self._sender.stop()
        await self._database.stop()

    async def _choose(self) -> None:
        try:
            con = await asyncpg.connect(self._database.dsn, timeout=5, command_timeout=30)
            try:
                await con.add_listener("outbox", lambda *_: self._grown.set())
                while not con.is_closed():
                    self._grown.clear()
                    if await choose(self._database, self._clock):
                        self._deliverer.left.set()
                        continue
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_POLL_S):
                            await self._grown.wait()
            finally:
                con.terminate()
        except TROUBLE as error:
            raise Unavailable("postgres", str(error)) from error
        raise Unavailable("postgres", "the connection that listens was lost")

    async def _deliver(self) -> None:
        left = self._deliverer.left
        while True:
            left.clear()
            if await self._deliverer.start_due():
                continue
            due_s = await store.next_due_in_s(self._database)
            pause_s = _POLL_S if due_s is None else min(max(due_s, 0.01), _POLL_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await left.wait()
                await asyncio.sleep(_GATHER_S)

    async def _count(self) -> None:
        while True:
            due, failing = await store.counts(self._database)
            NOTIFICATIONS_WAITING.set(due)
            RECEIVERS_FAILING.set(failing)
            await asyncio.sleep(_COUNT_S)
