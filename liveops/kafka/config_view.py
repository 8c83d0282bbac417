"""A view of `liveops.config`: rules, silences, topology and revocations, always whole.

Each worker reads the compacted topic from its beginning, in no consumer group.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from liveops.settings import Settings
from schema import config as keys
from schema.rules import Edge, Rule, Silence
from schema.topics import CONFIG

log = structlog.get_logger(__name__)
_RETRY_S = 1.0
T = TypeVar("T")


class ConfigView:
    """Follows the topic; attributes are replaced or changed as records arrive."""

    def __init__(self, settings: Settings) -> None:
        self._servers = settings.bootstrap_servers
        self.rules: dict[str, Rule] = {}
        self.silences: dict[str, Silence] = {}
        self.topology: list[Edge] = []
        self.revoked: dict[str, float] = {}
        self._ready = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to follow; returns at once."""
        self._task = asyncio.create_task(self._follow(), name="config-view")

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def wait_ready(self) -> None:
        """Wait until everything that was in the topic at start has been read."""
        await self._ready.wait()

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each change (and once when ready)."""
        self._listeners.append(listener)

    async def _follow(self) -> None:
        while True:
            try:
                await self._read_on()
            except (KafkaError, OSError) as error:
                log.warning("config topic not readable, trying again", error=str(error))
            await asyncio.sleep(_RETRY_S)

    async def _read_on(self) -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._servers, enable_auto_commit=False)
        await consumer.start()
        try:
            partition = TopicPartition(CONFIG, 0)
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
            end = (await consumer.end_offsets([partition]))[partition]
            while True:
                if not self._ready.is_set() and await consumer.position(partition) >= end:
                    self._ready.set()
                    self._tell()
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        self.apply((record.key or b"").decode(), record.value)
                    self._tell()
        finally:
            await consumer.stop()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def apply(self, key: str, value: bytes | None) -> None:
        """Take in one record; unreadable ones are logged and skipped."""
        try:
            if key.startswith(keys.RULE):
                _put(self.rules, key.removeprefix(keys.RULE), value, Rule)
            elif key.startswith(keys.SILENCE):
                _put(self.silences, key.removeprefix(keys.SILENCE), value, Silence)
            elif key.startswith(keys.REVOKED):
                _put(self.revoked, key.removeprefix(keys.REVOKED), value, float)
            elif key == keys.TOPOLOGY_DECLARED:
                self.topology = msgspec.json.decode(value or b"[]", type=list[Edge])
        except msgspec.MsgspecError as error:
            log.warning("unreadable configuration record", key=key, error=str(error))


def _put(into: dict[str, T], name: str, value: bytes | None, kind: type[T]) -> None:
    if value is None:
        into.pop(name, None)
    else:
        into[name] = msgspec.json.decode(value, type=kind)
