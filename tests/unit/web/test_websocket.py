"""Live sockets: who gets in, what they are told, how it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

import orjson
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError, web

from liveops.errors import Unavailable
from liveops.redis.fanout import Fanout
from liveops.security.tokens import user_token, verify
from tests.unit.web.doubles import (
    SECRET,
    Client,
    Config,
    bearer,
    deps_without_stores,
    edge,
    header,
    ingest_bearer,
)
from web import followed
from web.routing import Route
from web.websocket import EXPIRED, QUEUE, Channel


class Listeners:
    """A fanout without Redis."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[dict[str, Any]], None]] = []
        self.left = asyncio.Event()

    def add(self, listener: Callable[[dict[str, Any]], None]) -> None:
        self.listeners.append(listener)

    def remove(self, listener: Callable[[dict[str, Any]], None]) -> None:
        self.listeners.remove(listener)
        self.left.set()


async def snapshot() -> dict[str, Any]:
    return {"type": "snapshot", "things": []}


def live(fanout: Listeners, first: followed.Snapshot = snapshot) -> Route:
    return followed.route("/live", "things", cast(Fanout, fanout), first)


async def heard(socket: ClientWebSocketResponse) -> Any:
    message = await socket.receive(timeout=5)
    assert message.type is WSMsgType.TEXT, message
    return orjson.loads(message.data)


async def test_a_listener_gets_the_snapshot_and_then_what_happens() -> None:
    fanout = Listeners()
    async with edge(live(fanout)) as client:
        async with client.ws_connect("/live", headers=bearer()) as socket:
            assert (await heard(socket))["type"] == "snapshot"
            fanout.listeners[0]({"type": "things", "things": [1]})
            assert await heard(socket) == {"type": "things", "things": [1]}
        async with asyncio.timeout(5):
            await fanout.left.wait()
        assert fanout.listeners == []


async def test_the_token_may_come_as_subprotocol() -> None:
    token = bearer()["Authorization"].removeprefix("Bearer ")
    async with edge(live(Listeners())) as client:
        async with client.ws_connect("/live", protocols=("bearer", token)) as socket:
            assert socket.protocol == "bearer"
            assert (await heard(socket))["type"] == "snapshot"


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Authorization": "Bearer x"}, 401), (ingest_bearer(), 403)],
)
async def test_who_may_not_is_refused_before_the_upgrade(
    headers: dict[str, str], status: int
) -> None:
    async with edge(live(Listeners())) as client:
        with pytest.raises(WSServerHandshakeError) as refused:
            await client.ws_connect("/live", headers=headers)
    assert refused.value.status == status


async def test_a_plain_get_is_told_to_upgrade() -> None:
    async with edge(live(Listeners())) as client:
        async with client.get("/live", headers=bearer()) as response:
            assert (response.status, response.headers["Upgrade"]) == (426, "websocket")


async def closed_with(client: Client, headers: dict[str, str]) -> int | None:
    """The code that the server closes with, after whatever it says before."""
    socket: ClientWebSocketResponse
    async with client.ws_connect("/live", headers=headers) as socket:
        while (await socket.receive(timeout=10)).type is WSMsgType.TEXT:
            pass
        return socket.close_code


async def test_an_expired_token_closes_the_socket_with_4401() -> None:
    began_s = time.monotonic()
    async with edge(live(Listeners())) as client:
        assert await closed_with(client, bearer(ttl_s=1)) == EXPIRED
    assert time.monotonic() - began_s < 5


@pytest.mark.parametrize("whom", ["user:ada", "jti"])
async def test_a_revoked_token_closes_its_sockets_and_no_others(whom: str) -> None:
    deps = deps_without_stores()
    config = cast(Config, deps.config)
    headers, others = bearer(), header(user_token(SECRET, "bob", ["MANAGER"], time.time(), 60))
    jti = verify(SECRET, headers["Authorization"].split()[1], time.time()).jti
    async with edge(live(Listeners()), deps=deps) as client:
        gone = await client.ws_connect("/live", headers=headers)
        staying = await client.ws_connect("/live", headers=others)
        for socket in (gone, staying):
            assert (await heard(socket))["type"] == "snapshot"
        config.revoke(jti if whom == "jti" else whom, time.time() + 1)
        assert (await gone.receive(timeout=5)).type is WSMsgType.CLOSE
        assert (gone.close_code, staying.closed) == (EXPIRED, False)


async def test_a_store_that_is_away_closes_with_try_again_later() -> None:
    async def away() -> dict[str, Any]:
        raise Unavailable("postgres")

    async with edge(live(Listeners(), away)) as client:
        assert await closed_with(client, bearer()) == 1013


async def test_a_stopping_worker_tells_its_listeners() -> None:
    async with edge(live(Listeners())) as client:
        socket = await client.ws_connect("/live", headers=bearer())
        assert (await heard(socket))["type"] == "snapshot"
        stopping = asyncio.create_task(client.server.close())
        assert (await socket.receive(timeout=5)).type is WSMsgType.CLOSE
        assert socket.close_code == 1001
        async with asyncio.timeout(5):
            await stopping


class SlowSocket:
    """Takes messages and remembers them; open for as long as there are any expected."""

    def __init__(self, expected: int) -> None:
        self.sent: list[Any] = []
        self._expected = expected

    @property
    def closed(self) -> bool:
        return len(self.sent) >= self._expected

    async def send_frame(self, text: bytes, _: WSMsgType) -> None:
        self.sent.append(orjson.loads(text))


async def test_a_slow_client_misses_the_oldest_and_is_told_how_many() -> None:
    socket = SlowSocket(expected=QUEUE + 1)
    channel = Channel(cast(web.WebSocketResponse, socket))
    for number in range(QUEUE + 3):
        channel.offer({"number": number}, count=10)
    async with asyncio.timeout(5):
        await channel.run()
    assert socket.sent[0] == {"type": "dropped", "count": 30}
    assert [message["number"] for message in socket.sent[1:]] == list(range(3, QUEUE + 3))
