"""Incidents, receivers and copies of the notifying part of a worker, on the real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from agents.notify.service import Notifications
from liveops.clock import SystemClock
from liveops.notify.receiver import Match, Receiver
from liveops.notify.sender import Sender
from liveops.postgres.database import Database
from liveops.postgres.incidents import change_incident, create_incident, timeline
from liveops.postgres.receivers import add_receiver
from liveops.settings import Settings, load_settings
from schema.incidents import Incident
from tests.client import eventually


class World:
    """One database; every receiver is told of a service of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SystemClock()

    async def receiver(self, url: str, kind: str = "webhook", **more: Any) -> Receiver:
        """A receiver of the incidents of a service that has its id."""
        name = str(uuid4())
        given: dict[str, Any] = {"match": Match(service=name), "secret": "s3cret", **more}
        made = Receiver(name, f"r-{name}", kind, url, **given)  # type: ignore[arg-type] # any kind
        await add_receiver(self.database, made)
        return made

    async def opened(self, service: str, **more: Any) -> str:
        """A new incident of a service; its id."""
        values: dict[str, Any] = {
            "id": str(uuid4()),
            "title": "It is slow",
            "description": "",
            "severity": "high",
            "status": "open",
            "service_name": service,
            "affected_services": [service],
            "detected_at_s": self.clock.now_s(),
        }
        incident = Incident(**(values | more))
        async with self.database.transaction() as con:
            await create_incident(con, incident, "test")
        return incident.id

    async def change(self, incident_id: str, **values: Any) -> None:
        """Other values, as a person or the correlator writes them."""
        async with self.database.transaction() as con:
            now_s = self.clock.now_s()
            await change_incident(con, incident_id, "test", now_s, lambda _: values)

    async def rows(self, receiver: Receiver) -> list[Any]:
        """What the receiver was told, oldest first."""
        query = "SELECT * FROM deliveries WHERE receiver_id = $1 ORDER BY created_at, version"
        async with self.database.connection() as con:
            return list(await con.fetch(query, receiver.id))

    async def states(self, receiver: Receiver) -> list[tuple[str, str]]:
        """Event and state of each row."""
        return [(row["event"], row["state"]) for row in await self.rows(receiver)]

    async def told(self, incident_id: str) -> list[tuple[str, str]]:
        """Kind and event of what the timeline says of notifications."""
        lines = await timeline(self.database, incident_id)
        return [(e["kind"], e["data"]["event"]) for e in lines if e["actor"] == "notifier"]

    async def hurry(self, receiver: Receiver) -> None:
        """Let the pause before the next try be over."""
        query = "UPDATE deliveries SET due_at = now() WHERE receiver_id = $1 AND state = 'waiting'"
        async with self.database.connection() as con:
            await con.execute(query, receiver.id)


def settings_of(database_url: str, folder: Path, **more: Any) -> Settings:
    """Settings of a copy."""
    given = {"database_url": database_url, "data_dir": folder, **more}
    return load_settings(given, environment={}, config_file=folder / "none.cfg")


@asynccontextmanager
async def notifying(
    settings: Settings, copies: int = 1, deadline_s: float = 5.0, *, allow_private: bool = True
) -> AsyncIterator[list[Notifications]]:
    """So many copies at work."""
    made = []
    for _ in range(copies):
        sender = Sender(allow_private=allow_private, deadline_s=deadline_s)
        made.append(Notifications(settings, SystemClock(), sender))
    for one in made:
        await one.start()
    try:
        yield made
    finally:
        for one in made:
            await one.stop()


async def done(world: World, receiver: Receiver, wanted: list[tuple[str, str]]) -> None:
    """Wait until a receiver was told exactly these events, with these ends."""

    async def look() -> bool:
        return await world.states(receiver) == wanted

    try:
        await eventually(look, f"{wanted}", within_s=15)
    except AssertionError:
        raise AssertionError((wanted, await world.states(receiver))) from None
