"""What every worker owns besides Faust: stores, producer, configuration view, clock."""

from __future__ import annotations

from dataclasses import dataclass

from liveops.clock import Clock, SystemClock
from liveops.kafka.config_view import ConfigView
from liveops.kafka.producer import Producer
from liveops.postgres.database import Database
from liveops.redis.cache import Cache
from liveops.settings import Settings, required


@dataclass(slots=True)
class Deps:
    """Opened with the worker and closed with it; none of them needs its server at start."""

    settings: Settings
    clock: Clock
    database: Database
    cache: Cache
    producer: Producer
    config: ConfigView

    @property
    def fault(self) -> str:
        """What of it was started again of late or is out of date, in one line; else ""."""
        return self.config.fault

    async def start(self) -> None:
        """Start what runs in the background."""
        await self.database.start()
        await self.cache.start()
        await self.config.start()

    async def stop(self) -> None:
        """Close everything; later parts first."""
        await self.config.stop()
        await self.producer.stop()
        await self.cache.stop()
        await self.database.stop()


def make_deps(settings: Settings) -> Deps:
    """Build the parts; raises SettingsError when a URL or the secret is not set."""
    required(settings, "jwt_secret")
    return Deps(
        settings=settings,
        clock=SystemClock(),
        database=Database(required(settings, "database_url")),
        cache=Cache(required(settings, "redis_url")),
        producer=Producer(settings),
        config=ConfigView(settings),
    )
