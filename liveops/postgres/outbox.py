"""The transactional outbox: events leave after the commit that made them, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg
import structlog

from liveops.errors import Unavailable
from liveops.kafka.producer import Producer
from liveops.postgres.database import TROUBLE, Database, set_codecs
from liveops.postgres.queries import load

log = structlog.get_logger(__name__)
#: Only the holder of this advisory lock relays.
_LOCK = 0x6F757462  # "outb"
_POLL_S = 1.0
_RETRY_S = 1.0


async def enqueue(con: Any, topic: str, key: str, value: bytes | None) -> None:
    """Add an event to the running transaction."""
    queries = load("outbox")
    await con.execute(queries["enqueue"], topic, key, None if value is None else value.decode())
    await con.execute(queries["wake"])


class OutboxRelay:
    """Sends the outbox to Kafka; one relay at a time, woken by NOTIFY and each second.

    `sent` is told (topic, key, value) after each ack.
    """

    def __init__(
        self,
        database: Database,
        producer: Producer,
        sent: Callable[[str, str, bytes | None], Any] | None = None,
    ) -> None:
        self._dsn = database.dsn
        self._producer = producer
        self._sent = sent
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to relay in the background."""
        self._task = asyncio.create_task(self._run(), name="outbox-relay")

    async def stop(self) -> None:
        """Stop relaying; what is unsent stays for the next relay."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._relay()
            except (*TROUBLE, Unavailable) as error:
                log.warning("outbox waits", error=str(error) or type(error).__name__)
            except asyncpg.PostgresError:
                log.exception("outbox failed, starting it again")
            await asyncio.sleep(_RETRY_S)

    async def _relay(self) -> None:
        """Hold the lock on a connection of our own, so that it ends with us."""
        con = await asyncpg.connect(self._dsn, timeout=5, command_timeout=30)
        try:
            await set_codecs(con)
            await con.add_listener("outbox", lambda *_: self._wake.set())
            while not await con.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
                await asyncio.sleep(_POLL_S)
            while True:
                self._wake.clear()
                if not await self._send_batch(con):
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), _POLL_S)
        finally:
            con.terminate()

    async def _send_batch(self, con: asyncpg.Connection[Any]) -> int:
        """Send what waits; events of one key one after the other, keys side by side."""
        rows = await con.fetch(load("outbox")["unsent"])
        by_key: dict[str, list[Any]] = {}
        for row in rows:
            by_key.setdefault(row["key"], []).append(row)
        results = await asyncio.gather(
            *(self._send_key(con_rows) for con_rows in by_key.values()), return_exceptions=True
        )
        done: list[int] = []
        trouble: BaseException | None = None
        for result in results:
            if isinstance(result, BaseException):
                trouble = result
            else:
                done += result
        if done:
            await con.execute(load("outbox")["mark_sent"], done)
        if trouble is not None:
            raise trouble
        return len(rows)

    async def _send_key(self, rows: list[Any]) -> list[int]:
        for row in rows:
            value = None if row["value"] is None else row["value"].encode()
            await self._producer.send(row["topic"], row["key"], value)
            if self._sent is not None:
                outcome = self._sent(row["topic"], row["key"], value)
                if asyncio.iscoroutine(outcome):
                    await outcome
        return [row["id"] for row in rows]
