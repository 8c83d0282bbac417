"""Tells Redis of incidents once their events are on Kafka."""

from __future__ import annotations

import orjson
import structlog

from liveops.errors import Unavailable
from liveops.redis import keys
from liveops.redis.cache import Cache
from schema.topics import INCIDENTS_DETECTED, INCIDENTS_UPDATED

log = structlog.get_logger(__name__)
#: Ids kept in `incidents:active`.
KEEP_ACTIVE = 1000


class Announcer:
    """Given to every outbox relay, so that it does not matter which one holds the lock."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def sent(self, topic: str, key: str, value: bytes | None) -> None:
        """An event has been acknowledged by the broker; Redis being away loses only the news."""
        if value is None:
            return
        try:
            if topic in (INCIDENTS_DETECTED, INCIDENTS_UPDATED):
                await self._incident(key, value)
        except Unavailable:
            log.debug("not announced, redis is away", topic=topic)

    async def _incident(self, incident_id: str, value: bytes) -> None:
        incident = orjson.loads(value)
        async with self._cache.guard() as client:
            known = await client.lpos(keys.INCIDENTS_ACTIVE, incident_id) is not None
            pipe = client.pipeline(transaction=False)
            if incident["status"] == "resolved":
                pipe.lrem(keys.INCIDENTS_ACTIVE, 0, incident_id)
            elif not known:  # new, opened again, or forgotten by Redis
                pipe.lpush(keys.INCIDENTS_ACTIVE, incident_id)
                pipe.ltrim(keys.INCIDENTS_ACTIVE, 0, KEEP_ACTIVE - 1)
            message = {"type": "incidents", "incidents": [incident]}
            pipe.publish(keys.LIVE_INCIDENTS_CHANNEL, orjson.dumps(message))
            await pipe.execute()
