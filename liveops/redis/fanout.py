"""One subscription a process to a Redis channel, fanned out to any number of listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
import structlog
from redis.exceptions import RedisError

from liveops.redis.cache import Cache

log = structlog.get_logger(__name__)
_RETRY_S = 0.5

Listener = Callable[[dict[str, Any]], None]


class Fanout:
    """Hands each message of `channel` to every listener; a part of the worker."""

    def __init__(self, cache: Cache, channel: str) -> None:
        self._cache = cache
        self._channel = channel
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen; a Redis that is away is waited for."""
        self._task = asyncio.create_task(self._follow(), name=f"fanout-{self._channel}")

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def add(self, listener: Listener) -> None:
        """Hand messages to `listener` from now on; it must not block."""
        self._listeners.add(listener)

    def remove(self, listener: Listener) -> None:
        """Stop handing messages to `listener`."""
        self._listeners.discard(listener)

    async def _follow(self) -> None:
        while True:
            try:
                async with self._cache.subscriber.pubsub() as channel:
                    await channel.subscribe(self._channel)
                    async for message in channel.listen():
                        if message["type"] == "message":
                            self._tell(orjson.loads(message["data"]))
            except (RedisError, OSError) as error:
                log.debug("subscription lost, trying again", error=str(error))
            await asyncio.sleep(_RETRY_S)

    def _tell(self, message: dict[str, Any]) -> None:
        for listener in list(self._listeners):
            listener(message)
