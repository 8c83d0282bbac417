"""Silences that begin and end are told to receivers that want it, each once, also after kill -9."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from liveops.notify.receiver import Kind, Match, Receiver
from liveops.postgres.receivers import add_receiver
from liveops.postgres.silence_spans import tell_spans
from liveops.postgres.silences import add_silence, delete_silence
from liveops.settings import Settings
from schema.rules import Silence
from schema.times import format_time
from tests import correlator_copy
from tests.correlator_copy import Setting
from tests.notified import World, done, notifying
from tests.receiver_server import ReceiverServer
from tests.stack import TestServers

pytestmark = pytest.mark.integration
TOLD = [("silence_begun", "delivered"), ("silence_ended", "delivered")]


async def silence(world: World) -> Silence:
    now_s = world.clock.now_s()
    made = Silence(
        id=str(uuid4()), service="pay-*", starts_at=format_time(now_s - 60),
        ends_at=format_time(now_s + 3600), reason="maintenance", created_by="ada",
    )  # fmt: skip
    await add_silence(world.database, made)
    return made


async def hearing(
    world: World, url: str, service: str = "pay-db", kind: Kind = "webhook"
) -> Receiver:
    name = str(uuid4())
    made = Receiver(name, name, kind, url, Match(service), silences=True)
    await add_receiver(world.database, made)
    return made


async def test_begin_and_end_are_told_to_those_who_want_it(
    world: World, settings: Settings, server: ReceiverServer
) -> None:
    told = await hearing(world, server.url)
    in_slack = await hearing(world, server.url, kind="slack")
    others = [await hearing(world, server.url, "cart"), await world.receiver(server.url)]
    made = await silence(world)
    async with notifying(settings, copies=2):
        for _ in range(2):
            await tell_spans(world.database, world.clock.now_s())
        await done(world, told, TOLD[:1])
        await done(world, in_slack, TOLD[:1])
        await delete_silence(world.database, made.id)
        await tell_spans(world.database, world.clock.now_s())
        await done(world, told, TOLD)
        await done(world, in_slack, TOLD)
    assert [await world.states(one) for one in others] == [[], []]
    begun, ended = (one.body for one in server.received if "event" in one.body)
    assert (begun["event"], ended["event"]) == ("silence_begun", "silence_ended")
    assert begun["silence"]["id"] == made.id
    assert "incident" not in begun
    assert begun["delivery_id"] != ended["delivery_id"]
    texts = [one.body["text"] for one in server.received if "text" in one.body]
    assert texts == ["Silence begun: pay-* *", "Silence ended: pay-* *"]


@pytest.mark.parametrize("step", ["span not written", "span not committed"])
async def test_a_silence_is_told_once_whenever_the_worker_dies(
    world: World, own: TestServers, settings: Settings, server: ReceiverServer, step: str
) -> None:
    told = await hearing(world, server.url, "pay-queue")
    incident = await world.opened("pay-db")
    made = await silence(world)
    setting = Setting(own.broker_url, own.database_url, "", (), world.clock.now_s())
    async with notifying(settings):
        for dies in (step, None):
            await asyncio.to_thread(correlator_copy.tell_spans, setting, dies)
        await done(world, told, TOLD[:1])
        await delete_silence(world.database, made.id)
        for dies in (step, None):
            await asyncio.to_thread(correlator_copy.tell_spans, setting, dies)
        await done(world, told, TOLD)
    async with world.database.connection() as con:
        lines = await con.fetch(
            "SELECT data ->> 'state' AS state FROM incident_events"
            " WHERE incident_id = $1 AND kind = 'silence' ORDER BY id", incident
        )  # fmt: skip
    assert [line["state"] for line in lines] == ["begun", "ended"]
