"""The transactional outbox: events leave after the commit that made them, in order.

An event that the broker will never take is set aside in its table (`refused_at`), counted
and shown in health; the events behind it go on. `UPDATE outbox SET refused_at = NULL`
sends it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import structlog

from liveops.errors import Unavailable
from liveops.kafka.producer import Producer
from liveops.metrics.stores import OUTBOX_REFUSED, OUTBOX_WAITING
from liveops.postgres.database import TROUBLE, Database, set_codecs
from liveops.postgres.queries import load
from liveops.runtime.background import BackgroundTask

log = structlog.get_logger(__name__)
#: Only the holder of this advisory lock relays.
_LOCK = 0x6F757462  # "outb"
_POLL_S = 1.0
#: How often those that were set aside are counted for health.
_COUNT_S = 60.0


async def enqueue(con: Any, topic: str, key: str, value: bytes | None) -> None:
    """Add an event to the running transaction."""
    queries = load("outbox")
    await con.execute(queries["enqueue"], topic, key, None if value is None else value.decode())
    await con.execute(queries["wake"])


async def enqueue_many(con: Any, topic: str, events: Sequence[tuple[str, bytes]]) -> None:
    """Add events (key, value) of one topic to the running transaction."""
    await enqueue_all(con, [(topic, key, value) for key, value in events])


async def enqueue_all(con: Any, events: Sequence[tuple[str, str, bytes]]) -> None:
    """Add events (topic, key, value) to the running transaction, in this order."""
    queries = load("outbox")
    await con.executemany(
        queries["enqueue"], [(*where, value.decode()) for *where, value in events]
    )
    await con.execute(queries["wake"])


@dataclass(slots=True)
class _Outcome:
    """What became of the events of one key; `trouble` says why it stopped before the end."""

    sent: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    trouble: Unavailable | None = None


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
        self._task = BackgroundTask(self._relay, "outbox-relay")
        self._refused = 0

    @property
    def fault(self) -> str:
        """Why events do not leave, in one line; "" when they do."""
        if self._refused:
            return f"outbox: {self._refused} events set aside within a day, see table outbox"
        return self._task.fault

    async def start(self) -> None:
        """Begin to relay in the background."""
        await self._task.start()

    async def stop(self) -> None:
        """Stop relaying; what is unsent stays for the next relay."""
        await self._task.stop()

    async def _relay(self) -> None:
        """Hold the lock on a connection of our own, so that it ends with us."""
        try:
            con = await asyncpg.connect(self._dsn, timeout=5, command_timeout=30)
            try:
                await set_codecs(con)
                await con.add_listener("outbox", lambda *_: self._wake.set())
                while not await con.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
                    self._refused = 0  # whoever relays says so
                    OUTBOX_WAITING.set(0)
                    await asyncio.sleep(_POLL_S)
                await self._relay_on(con)
            finally:
                con.terminate()
        except TROUBLE as error:
            raise Unavailable("postgres", str(error)) from error

    async def _relay_on(self, con: asyncpg.Connection[Any]) -> None:
        loop = asyncio.get_running_loop()
        counted_s = float("-inf")
        while True:
            self._wake.clear()
            if loop.time() - counted_s >= _COUNT_S:
                counted_s = loop.time()
                self._refused = await con.fetchval(load("outbox")["refused"])
            if not await self._send_batch(con):
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_S):
                        await self._wake.wait()

    async def _send_batch(self, con: asyncpg.Connection[Any]) -> int:
        """Send what waits; events of one key one after the other, keys side by side."""
        rows = await con.fetch(load("outbox")["unsent"])
        OUTBOX_WAITING.set(len(rows))
        by_key: dict[str, list[Any]] = {}
        for row in rows:
            by_key.setdefault(row["key"], []).append(row)
        outcomes = await asyncio.gather(*(self._send_key(ours) for ours in by_key.values()))
        done = [number for outcome in outcomes for number in outcome.sent]
        if done:
            await con.execute(load("outbox")["mark_sent"], done)
        for outcome in outcomes:
            for number, why in outcome.refused.items():
                await con.execute(load("outbox")["set_aside"], number, why)
                self._refused += 1
        for outcome in outcomes:
            if outcome.trouble is not None:
                raise outcome.trouble
        return len(rows)

    async def _send_key(self, rows: list[Any]) -> _Outcome:
        """Send in order until the broker is away; what it refuses is left behind."""
        outcome = _Outcome()
        for row in rows:
            value = None if row["value"] is None else row["value"].encode()
            try:
                await self._producer.send(row["topic"], row["key"], value)
            except Unavailable as error:
                outcome.trouble = error
                break
            except Exception as error:
                log.exception("an event cannot be sent and is set aside", id=row["id"])
                OUTBOX_REFUSED.labels(row["topic"]).inc()
                outcome.refused[row["id"]] = f"{type(error).__name__}: {error}"
                continue
            outcome.sent.append(row["id"])
            await self._tell(row["topic"], row["key"], value)
        return outcome

    async def _tell(self, topic: str, key: str, value: bytes | None) -> None:
        """News of what has left; whoever fails to hear it holds up nothing."""
        if self._sent is None:
            return
        try:
            told = self._sent(topic, key, value)
            if asyncio.iscoroutine(told):
                await told
        except Exception:
            log.exception("an event that has left was not announced", topic=topic, key=key)
