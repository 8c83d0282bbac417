"""Which receivers are told, when, and what is told together, on the real PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from liveops.notify.receiver import Hours, Match
from liveops.settings import Settings
from tests.client import eventually
from tests.notified import World, done, notifying
from tests.receiver_server import ReceiverServer

pytestmark = pytest.mark.integration


async def test_a_further_receiver_is_told_only_when_nobody_acknowledged(
    world: World, settings: Settings, server: ReceiverServer
) -> None:
    first = await world.receiver(server.url + "/first")
    later = await world.receiver(
        server.url + "/later", match=Match(service=first.id), after_s=3600.0
    )
    async with notifying(settings):
        taken, left = await world.opened(first.id), await world.opened(first.id)
        await server.until(2)
        await world.change(taken, status="acknowledged")
        await world.change(left, affected_services=[first.id, "other"])
        await server.until(3)
        await eventually(lambda: unsent(world, left), "the newer opening")
        await world.hurry(later)
        await server.until(4)
        await world.change(taken, status="resolved")
        await world.change(left, status="resolved")
        await eventually(lambda: told(server, "/later", 2), "both events for the later one")
        await eventually(lambda: told(server, "/first", 5), "all events for the first one", 15)
    heard = [
        (got["incident"]["id"], got["event"], len(got["incident"]["affected_services"]))
        for got in (one.body for one in server.received if one.path == "/later")
    ]
    assert heard == [(left, "opened", 2), (left, "resolved", 2)]


async def unsent(world: World, incident_id: str) -> bool:
    query = (
        "SELECT count(*) FROM deliveries WHERE incident_id = $1 AND version = 2 "
        "AND event = 'opened' AND state = 'waiting'"
    )
    async with world.database.connection() as con:
        return bool(await con.fetchval(query, incident_id))


async def told(server: ReceiverServer, path: str, count: int) -> bool:
    return sum(one.path == path for one in server.received) >= count


async def test_severity_service_and_hours_choose(
    world: World, settings: Settings, server: ReceiverServer
) -> None:
    grave = await world.receiver(server.url + "/grave")
    match = Match(service=grave.id, severities=("critical",))
    critical = await world.receiver(server.url + "/critical", match=match)
    never = Hours(0, 1, (7,), "UTC")
    asleep = await world.receiver(server.url + "/asleep", match=Match(grave.id, (), never))
    async with notifying(settings):
        name = await world.opened(grave.id)
        await server.until(1)
        assert await world.states(critical) == []
        await world.change(name, severity="critical")
        await server.until(3)
        await world.change(name, status="resolved")
        await server.until(5)
        await done(world, critical, [("opened", "delivered"), ("resolved", "delivered")])
    states = dict(await world.states(asleep))
    assert set(states.values()) <= {"superseded", "delivered"}


async def test_a_merged_incident_is_told_with_a_pointer(
    world: World, settings: Settings, server: ReceiverServer
) -> None:
    receiver = await world.receiver(server.url)
    async with notifying(settings):
        into, gone = await world.opened(receiver.id), await world.opened(receiver.id)
        await server.until(2)
        note = f"Merged into incident {into}."
        await world.change(gone, status="resolved", description=note)
        await server.until(3)
    last = server.received[-1].body
    assert (last["event"], last["incident"]["merged_into"]) == ("resolved", into)


async def test_a_storm_is_one_opening_and_one_change(
    world: World, settings: Settings, server: ReceiverServer
) -> None:
    receiver = await world.receiver(server.url)
    async with notifying(settings):
        name = await world.opened(receiver.id)
        services = [receiver.id]
        for number in range(50):
            services.append(f"s-{number}")
            await world.change(name, affected_services=list(services))
        await server.until(2)
        await eventually(lambda: all_told(world, receiver), "the end", 15)
    last = server.received[-1].body["incident"]
    assert len(last["affected_services"]) == 51
    assert len(server.received) == 2


async def all_told(world: World, receiver: Any) -> bool:
    return all(state != "waiting" for _, state in await world.states(receiver))


async def test_people_get_a_digest_instead_of_a_flood(
    world: World, settings: Settings, server: ReceiverServer
) -> None:
    receiver = await world.receiver(server.url, "slack", secret="")
    made = await asyncio.gather(*(world.opened(receiver.id) for _ in range(120)))
    async with notifying(settings, copies=2):
        await done(world, receiver, [("opened", "delivered")] * 120)
    assert len(server.received) <= 20
    assert "incident events" in server.received[0].body["text"]
    assert [await world.told(name) for name in made] == [[("notified", "opened")]] * 120
