"""Shows in Redis how each series stands with each rule, for whichever worker is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from agents.incidents.watched import WatchedServices
from liveops.clock import Clock
from liveops.detection.rulebook import RuleBook
from liveops.detection.standings import standings
from liveops.errors import Unavailable
from liveops.redis import keys
from liveops.redis.cache import Cache

log = structlog.get_logger(__name__)
_LOOK_S = 1.0
#: A service is shown again after this while windows come; at once when an alarm changes.
_AGAIN_S = 15.0
#: What nobody renews is no more shown.
_TTL_S = 3 * 86_400

_encode = msgspec.json.Encoder().encode


class StandingWriter:
    """Writes the standings of the services that this worker watches."""

    def __init__(
        self,
        services: WatchedServices,
        book: Callable[[], RuleBook],
        cache: Cache,
        clock: Clock,
    ) -> None:
        self._services, self._book = services, book
        self._cache, self._clock = cache, clock
        self._shown: dict[str, tuple[float, dict[str, int], RuleBook]] = {}

    async def run(self) -> None:
        """Look each second; without Redis nothing is shown."""
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                await self.write()
            except Unavailable:
                log.debug("standings are not shown, redis is away")

    async def write(self) -> None:
        """Show what has changed; raises Unavailable."""
        book, now_s = self._book(), self._clock.now_s()
        for service in self._shown.keys() - self._services.by_name.keys():
            del self._shown[service]
        for service, watched in list(self._services.by_name.items()):
            written_s, offsets, obeyed = self._shown.get(service, (0.0, {}, None))
            is_urgent = service in self._services.urgent or obeyed is not book
            if not is_urgent and (now_s - written_s < _AGAIN_S or offsets == watched.offsets):
                continue
            self._services.urgent.discard(service)
            found = list(standings(watched.state, book, self._services.learned))
            self._shown[service] = (now_s, dict(watched.offsets), book)
            async with self._cache.guard() as client:
                await client.set(keys.standings(service), _encode(found), ex=_TTL_S)
