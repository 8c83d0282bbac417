"""The fan-out outlives bad messages, failing listeners and a lost connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from liveops.redis.cache import Cache
from liveops.redis.fanout import Fanout

GOOD = '{"type":"metrics"}'


class Redis:
    """Gives each subscription the next list of messages; an exception in it is raised."""

    def __init__(self, *subscriptions: list[Any]) -> None:
        self._subscriptions = list(subscriptions)

    @asynccontextmanager
    async def pubsub(self) -> AsyncIterator[Redis]:
        yield self

    async def subscribe(self, channel: str) -> None:
        if not self._subscriptions:
            await asyncio.Event().wait()

    async def listen(self) -> AsyncIterator[dict[str, Any]]:
        for data in self._subscriptions.pop(0):
            if isinstance(data, Exception):
                raise data
            yield {"type": "message", "data": data}


async def hear(redis: Redis, listeners: int = 1) -> dict[str, Any]:
    """The first message that the last of the listeners gets; the others raise."""
    fanout = Fanout(cast(Cache, SimpleNamespace(subscriber=redis)), "channel")
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def broken(message: dict[str, Any]) -> None:
        raise KeyError("metrics")

    for _ in range(listeners - 1):
        fanout.add(broken)
    fanout.add(heard.put_nowait)
    await fanout.start()
    try:
        async with asyncio.timeout(5):
            return await heard.get()
    finally:
        await fanout.stop()


@pytest.mark.parametrize("bad", ["not json", "[]", "1", "", "[" * 100_000])
async def test_a_bad_message_is_skipped(bad: str) -> None:
    assert await hear(Redis([bad, GOOD])) == {"type": "metrics"}


@pytest.mark.parametrize(
    "trouble", [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), OSError(), RuntimeError()]
)
async def test_a_broken_subscription_is_made_again(trouble: Exception) -> None:
    assert await hear(Redis([trouble], [GOOD])) == {"type": "metrics"}


async def test_a_failing_listener_keeps_the_others_listening() -> None:
    assert await hear(Redis([GOOD]), listeners=2) == {"type": "metrics"}
