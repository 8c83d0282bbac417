"""Tells when silences begin and end: on timelines, and to who follows incidents live.

What other systems said once, and still holds when its silence ends, is told then.
"""

from __future__ import annotations

import asyncio

import msgspec
import orjson
import structlog

from agents.incidents.detect import DETECTIONS_KEY
from liveops.clock import Clock
from liveops.deps import Deps
from liveops.detection.rulebook import RuleBook
from liveops.errors import Unavailable
from liveops.metrics.detection import DETECTIONS as DETECTIONS_COUNT
from liveops.postgres.database import Database
from liveops.postgres.muted_alerts import tell_unmuted
from liveops.postgres.silence_spans import tell_spans
from liveops.redis.cache import Cache
from liveops.redis.keys import LIVE_INCIDENTS_CHANNEL
from schema.incidents import Detection
from schema.topics import DETECTIONS

log = structlog.get_logger(__name__)
_LOOK_S = 2.0


async def watch_silences(deps: Deps) -> None:
    """Look every few seconds; Redis being away loses only the live news."""
    await deps.config.wait_ready()
    while True:
        try:
            await _tell_spans(deps.database, deps.cache, deps.clock)
        except Unavailable as error:
            log.debug("silences are not told", error=str(error))
        try:
            await _tell_alerts(deps)
        except Unavailable as error:
            log.debug("muted alerts wait", error=str(error))
        await asyncio.sleep(_LOOK_S)


async def _tell_spans(database: Database, cache: Cache, clock: Clock) -> None:
    for state, silence in await tell_spans(database, clock.now_s()):
        message = {"type": "silence", "state": state, "silence": msgspec.to_builtins(silence)}
        async with cache.guard() as client:
            await client.publish(LIVE_INCIDENTS_CHANNEL, orjson.dumps(message))


async def _tell_alerts(deps: Deps) -> None:
    book, now_s = RuleBook((), deps.config.silences.values()), deps.clock.now_s()

    async def tell(alert: Detection) -> None:
        await deps.producer.send(DETECTIONS, DETECTIONS_KEY, msgspec.json.encode(alert))
        DETECTIONS_COUNT.labels(alert.detector).inc()

    await tell_unmuted(deps.database, lambda alert: book.mutes_alert(alert, now_s), tell)
