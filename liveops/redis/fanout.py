"""One subscription a process to a Redis channel, fanned out to any number of listeners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import structlog
from redis.exceptions import RedisError

from liveops.errors import Unavailable
from liveops.metrics.worker import BAD_INTERNAL_RECORDS
from liveops.redis.cache import Cache
from liveops.runtime.background import BackgroundTask

log = structlog.get_logger(__name__)

Listener = Callable[[dict[str, Any]], None]


class Fanout:
    """Hands each message of `channel` to every listener; a background service.

    A message that cannot be read is counted and skipped; a lost subscription is made again.
    """

    def __init__(self, cache: Cache, channel: str) -> None:
        self._cache = cache
        self._channel = channel
        self._unreadable = BAD_INTERNAL_RECORDS.labels(channel)
        self._listeners: set[Listener] = set()
        self._task = BackgroundTask(self._follow, f"fanout-{channel}")

    @property
    def fault(self) -> str:
        """Why the subscription was lost within the last minute."""
        return self._task.fault

    async def start(self) -> None:
        """Begin to listen; a Redis that is away is waited for."""
        await self._task.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._task.stop()

    def add(self, listener: Listener) -> None:
        """Hand messages to `listener` from now on; it must not block."""
        self._listeners.add(listener)

    def remove(self, listener: Listener) -> None:
        """Stop handing messages to `listener`."""
        self._listeners.discard(listener)

    async def _follow(self) -> None:
        try:
            async with self._cache.subscriber.pubsub() as channel:
                await channel.subscribe(self._channel)
                async for message in channel.listen():
                    if message["type"] == "message":
                        self._take(message["data"])
        except RedisError as error:
            raise Unavailable("redis", str(error)) from error
        raise Unavailable("redis", "the subscription has ended")

    def _take(self, data: str) -> None:
        try:
            message = orjson.loads(data)
        except ValueError as error:
            message = str(error)
        if isinstance(message, dict):
            self._tell(message)
            return
        self._unreadable.inc()
        log.warning("unreadable message", channel=self._channel)

    def _tell(self, message: dict[str, Any]) -> None:
        for listener in list(self._listeners):
            try:
                listener(message)
            except Exception:
                log.exception("a listener failed", channel=self._channel)
