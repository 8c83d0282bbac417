"""Notifications against receivers that really answer: once, in order, again after trouble."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from aiohttp import web

from liveops.notify.message import delivery_id
from liveops.notify.receiver import Match
from liveops.notify.webhook import SIGNATURE, signature
from liveops.postgres.receivers import fetch_receiver
from liveops.settings import Settings
from tests.notified import World, done, notifying
from tests.receiver_server import ReceiverServer, receiver_server

pytestmark = pytest.mark.integration


async def test_a_life_is_told_event_by_event_signed_and_on_the_timeline(
    world: World, settings: Settings, server: ReceiverServer
) -> None:
    receiver = await world.receiver(server.url + "/hook")
    async with notifying(settings):
        name = await world.opened(receiver.id)
        await server.until(1)
        for count, values in enumerate(
            (
                {"severity": "critical"},
                {"description": "told to nobody"},
                {"assignee": "kim"},
                {"status": "acknowledged"},
                {"status": "resolved"},
                {"status": "open"},
            ),
            2,
        ):
            await world.change(name, **values)
            await server.until(count if count < 3 else count - 1)
        wanted = ["opened", "changed", "changed", "acknowledged", "resolved", "reopened"]
        await done(world, receiver, [(event, "delivered") for event in wanted])
    assert [event for _, event in server.events()] == wanted
    assert await world.told(name) == [("notified", event) for event in wanted]
    versions = [one.body["incident"]["version"] for one in server.received]
    assert versions == [1, 2, 4, 5, 6, 7]
    for one, version in zip(server.received, versions, strict=True):
        assert one.body["version"] == 1
        assert one.body["delivery_id"] == delivery_id(receiver.id, name, version)
        at_s = int(one.headers[SIGNATURE].partition(",")[0].removeprefix("t="))
        assert one.headers[SIGNATURE] == signature("s3cret", at_s, one.raw)
    began = {one.body["incident"]["detected_at"] for one in server.received}
    assert len(began) == 1  # the start survives the resolve


async def test_two_copies_send_everything_once(
    world: World, settings: Settings, server: ReceiverServer
) -> None:
    receiver = await world.receiver(server.url)
    async with notifying(settings, copies=2):
        made = await asyncio.gather(*(world.opened(receiver.id) for _ in range(60)))
        await server.until(60)
        await done(world, receiver, [("opened", "delivered")] * 60)
    assert Counter(server.events()) == {(name, "opened"): 1 for name in made}


@pytest.mark.parametrize(
    "trouble",
    [
        web.Response(status=500),
        web.Response(status=408),
        web.Response(status=429, headers={"Retry-After": "1"}),
        web.Response(status=503, text="no\x00 room"),
        6.0,
    ],
    ids=["500", "408", "429", "503", "hangs"],
)
async def test_what_can_pass_is_tried_again_with_the_same_id(
    world: World, settings: Settings, server: ReceiverServer, trouble: web.Response | float
) -> None:
    server.answers = [trouble]
    receiver = await world.receiver(server.url)
    async with notifying(settings, deadline_s=1.0):
        name = await world.opened(receiver.id)
        first, second = await server.until(2)
        await done(world, receiver, [("opened", "delivered")])
    assert first.body["delivery_id"] == second.body["delivery_id"]
    assert await world.told(name) == [("notified", "opened")]
    if isinstance(trouble, web.Response) and trouble.status == 429:
        assert second.at_s - first.at_s >= 1.0  # what the receiver asked for, no figure of ours


@pytest.mark.parametrize("status", [301, 307, 400, 404, 410])
async def test_what_cannot_pass_is_given_up_and_seen(
    world: World, settings: Settings, server: ReceiverServer, status: int
) -> None:
    server.answers = [web.Response(status=status, headers={"Location": server.url + "/other"})]
    receiver = await world.receiver(server.url + "/hook")
    async with notifying(settings):
        name = await world.opened(receiver.id)
        await done(world, receiver, [("opened", "failed")])
        _, health = await fetch_receiver(world.database, receiver.id)
        assert str(status) in health.last_error
        assert await world.told(name) == [("notification_failed", "opened")]
        assert [one.path for one in server.received] == ["/hook"]
        await world.change(name, status="resolved")  # needs no opening that was delivered
        await done(world, receiver, [("opened", "failed"), ("resolved", "delivered")])


async def test_a_receiver_that_hangs_or_is_away_holds_up_no_other(
    world: World, settings: Settings, server: ReceiverServer
) -> None:
    async with receiver_server() as other:
        other.answers = [30.0] * 100
        slow = await world.receiver(other.url)
        away = await world.receiver("http://127.0.0.1:9", match=Match(service=slow.id))
        quick = await world.receiver(server.url, match=Match(service=slow.id))
        async with notifying(settings, deadline_s=2.0):
            made = await asyncio.gather(*(world.opened(slow.id) for _ in range(40)))
            await done(world, quick, [("opened", "delivered")] * 40)
            assert not any(state == "delivered" for _, state in await world.states(slow))
            assert not any(state == "delivered" for _, state in await world.states(away))
            await world.change(made[0], status="resolved")
            await server.until(41)
    assert Counter(server.events())[(made[0], "resolved")] == 1


async def test_an_end_is_stated(world: World, settings: Settings, server: ReceiverServer) -> None:
    server.answers = [web.Response(status=500) for _ in range(9)]
    receiver = await world.receiver(server.url)
    query = "UPDATE deliveries SET tried_at = now() - interval '1 hour' WHERE receiver_id = $1"
    async with notifying(settings):
        await world.opened(receiver.id)
        await server.until(1)
        async with world.database.connection() as con:
            await con.execute(query, receiver.id)
        await world.hurry(receiver)
        await done(world, receiver, [("opened", "failed")])


async def test_private_addresses_are_refused_when_the_connection_is_made(
    world: World, settings: Settings, server: ReceiverServer
) -> None:
    port = server.url.rsplit(":", 1)[1]
    hosts = ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1", "[::1]")
    made = [await world.receiver(f"http://{host}:{port}/") for host in hosts]
    async with notifying(settings, allow_private=False):
        for receiver in made:
            await world.opened(receiver.id)
            await done(world, receiver, [("opened", "failed")])
            _, health = await fetch_receiver(world.database, receiver.id)
            assert "not public" in health.last_error
    assert server.received == []


async def test_slack_with_a_bot_keeps_one_message_up_to_date(
    world: World, settings: Settings, server: ReceiverServer
) -> None:
    server.reply = lambda got: {"ok": True, "channel": "C1", "ts": "17.5"}
    server.answers = [web.json_response({"ok": False, "error": "ratelimited"})]
    receiver = await world.receiver(server.url + "/api?channel=C1", "slack", secret="xoxb-1")
    async with notifying(settings):
        name = await world.opened(receiver.id, title="<!channel> is slow")
        await server.until(2)
        await done(world, receiver, [("opened", "delivered")])
        await world.change(name, status="resolved")
        await server.until(3)
    assert [one.path for one in server.received] == [
        "/api/chat.postMessage", "/api/chat.postMessage", "/api/chat.update",
    ]  # fmt: skip
    first, last = server.received[1], server.received[2]
    assert first.headers["Authorization"] == "Bearer xoxb-1"
    assert "<!channel>" not in first.body["text"]
    assert (last.body["channel"], last.body["ts"]) == ("C1", "17.5")


async def test_pagerduty_knows_an_incident_by_its_id(
    world: World, settings: Settings, server: ReceiverServer
) -> None:
    receiver = await world.receiver(server.url + "/v2/enqueue", "pagerduty", secret="R0")
    async with notifying(settings):
        name = await world.opened(receiver.id, severity="critical")
        await server.until(1)
        for status in ("acknowledged", "resolved"):
            await world.change(name, status=status)
        await server.until(3)
    actions = [one.body["event_action"] for one in server.received]
    assert actions == ["trigger", "acknowledge", "resolve"]
    assert {one.body["dedup_key"] for one in server.received} == {name}
    assert {one.body["routing_key"] for one in server.received} == {"R0"}
    assert server.received[0].body["links"][0]["href"].endswith(f"/#/incidents/{name}")
