"""Tells when silences begin and end: on timelines, and to who follows incidents live."""

from __future__ import annotations

import asyncio

import msgspec
import orjson
import structlog

from liveops.clock import Clock
from liveops.errors import Unavailable
from liveops.postgres.database import Database
from liveops.postgres.silence_spans import tell_spans
from liveops.redis.cache import Cache
from liveops.redis.keys import LIVE_INCIDENTS_CHANNEL

log = structlog.get_logger(__name__)
_LOOK_S = 2.0


async def watch_silences(database: Database, cache: Cache, clock: Clock) -> None:
    """Look every few seconds; Redis being away loses only the live news."""
    while True:
        try:
            for state, silence in await tell_spans(database, clock.now_s()):
                message = {"type": "silence", "state": state,
                           "silence": msgspec.to_builtins(silence)}  # fmt: skip
                async with cache.guard() as client:
                    await client.publish(LIVE_INCIDENTS_CHANNEL, orjson.dumps(message))
        except Unavailable as error:
            log.debug("silences are not told", error=str(error))
        await asyncio.sleep(_LOOK_S)
