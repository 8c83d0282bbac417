"""Ways in take so many requests and bytes at once, and say no before they read more."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import cramjam
import pytest

from liveops.metrics.ingest import REFUSED
from tests.unit.web.doubles import Client, Sends, admission, bearer, deps_without_stores, edge
from web import ingest, otlp, remote_write
from web.admission import Admission
from web.bodies import MAX_BYTES

GOOD = b'{"service_name":"a","metric_type":"m","value":1}'
MEGABYTE = 1024 * 1024
#: Of each way in: path, and the headers of a body in its simplest form.
WAYS = {
    "metrics": ("/api/metrics", {"Content-Type": "application/json"}),
    "remote_write": (
        "/api/v1/write",
        {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"},
    ),
    "otlp": ("/v1/metrics", {"Content-Type": "application/x-protobuf"}),
}
#: What each says when it has enough: Prometheus would drop what is answered 429.
BUSY = {"metrics": 429, "remote_write": 503, "otlp": 429}
BODIES = {"metrics": GOOD, "remote_write": bytes(cramjam.snappy.compress_raw(b"")), "otlp": b""}


class Door:
    """The three ways in over one admission."""

    def __init__(self, client: Client, sends: Sends, room: Admission) -> None:
        self.client, self.sends, self.room = client, sends, room

    async def post(self, way: str, body: Any, **headers: str) -> tuple[int, Any, str | None]:
        path, usual = WAYS[way]
        sent = bearer() | usual | headers
        async with self.client.post(path, data=body, headers=sent) as answer:
            text = await answer.read()
            problem = json.loads(text) if answer.status >= 400 else None
            return answer.status, problem, answer.headers.get("Retry-After")


@asynccontextmanager
async def door(**settings: int) -> AsyncIterator[Door]:
    deps, sends = deps_without_stores(), Sends()
    room = admission(sends, **settings)
    routes = [
        *ingest.routes(deps, room),
        *remote_write.routes(deps, room),
        *otlp.routes(deps, room),
    ]
    async with edge(*routes, deps=deps) as client:
        yield Door(client, sends, room)


def refused(way: str, reason: str) -> float:
    return float(REFUSED.labels(way, reason)._value.get())


async def until(is_so: Callable[[], bool]) -> None:
    """Let the others run until it is so."""
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0)


@asynccontextmanager
async def half_sent(way: str, door: Door, size: int) -> AsyncIterator[asyncio.StreamWriter]:
    """A request whose body is told to have `size` bytes, of which none arrives."""
    path, usual = WAYS[way]
    server = door.client.server
    _, writer = await asyncio.open_connection(server.host, server.port)
    lines = [f"POST {path} HTTP/1.1", "Host: a", f"Content-Length: {size}"]
    lines += [f"{name}: {text}" for name, text in (bearer() | usual).items()]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    before = door.room.requests
    await until(lambda: door.room.requests > before)
    yield writer
    writer.close()


@pytest.mark.parametrize("way", WAYS)
async def test_one_request_too_many_is_refused_unread(way: str) -> None:
    async with door(max_ingest_requests=1) as here:
        before = refused(way, "requests")
        async with half_sent(way, here, 100):
            status, problem, retry_after = await here.post(way, BODIES[way])
            assert (status, problem["status"], retry_after) == (BUSY[way], BUSY[way], "1")
            assert not here.sends.records
        assert refused(way, "requests") == before + 1
        await until(lambda: not here.room.requests)
        assert (await here.post(way, BODIES[way]))[0] < 300


@pytest.mark.parametrize("way", WAYS)
async def test_bodies_over_the_room_are_refused_before_they_are_sent(way: str) -> None:
    async with door(max_ingest_bytes=16 * MEGABYTE) as here:
        before = refused(way, "bytes")
        async with half_sent(way, here, MAX_BYTES), half_sent(way, here, MAX_BYTES):
            # `Expect` shows that the body was not asked for.
            path, usual = WAYS[way]
            server = here.client.server
            reader, writer = await asyncio.open_connection(server.host, server.port)
            lines = [f"POST {path} HTTP/1.1", "Host: a", "Expect: 100-continue"]
            lines += ["Content-Length: 1000"]
            lines += [f"{name}: {text}" for name, text in (bearer() | usual).items()]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            assert int((await reader.readline()).split()[1]) == BUSY[way]
            writer.close()
        assert refused(way, "bytes") == before + 1
        await until(lambda: not here.room.requests)
        assert here.room.bytes == 0


async def test_a_body_of_unknown_size_is_counted_as_it_comes() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b" " * MEGABYTE

    async with door(max_ingest_bytes=16 * MEGABYTE) as here:
        async with half_sent("metrics", here, 7 * MEGABYTE), half_sent("metrics", here, MAX_BYTES):
            assert (await here.post("metrics", pieces()))[0] == 429


async def test_what_a_body_becomes_is_counted_too() -> None:
    small = gzip.compress(b"[" + b",".join([GOOD] * 100) + b"]")
    bomb = bytes(cramjam.snappy.compress_raw(b"\0" * (7 * MEGABYTE)))
    async with (
        door(max_ingest_bytes=16 * MEGABYTE) as here,
        half_sent("metrics", here, MAX_BYTES),
        half_sent("metrics", here, 7 * MEGABYTE),
    ):
        zipped = {"Content-Encoding": "gzip"}
        assert (await here.post("metrics", small, **zipped))[0] == 429
        assert (await here.post("otlp", gzip.compress(b""), **zipped))[0] == 429
        assert (await here.post("remote_write", bomb))[0] == 503
        assert (await here.post("metrics", GOOD))[0] == 202
    assert here.room.bytes == 0


@pytest.mark.parametrize("way", WAYS)
async def test_while_the_broker_is_away_no_body_is_read(way: str) -> None:
    async with door() as here:
        here.sends.is_away = True
        before = refused(way, "broker_away")
        status, problem, retry_after = await here.post(way, BODIES[way])
        assert (status, problem["detail"], retry_after) == (503, "kafka does not answer now", "2")
        assert refused(way, "broker_away") == before + 1
        here.sends.is_away = False
        assert (await here.post(way, BODIES[way]))[0] < 300


async def test_what_is_wrong_is_told_before_what_is_too_much() -> None:
    async with (
        door(max_ingest_bytes=16 * MEGABYTE) as here,
        half_sent("metrics", here, MAX_BYTES),
        half_sent("metrics", here, MAX_BYTES),
    ):
        assert (await here.post("metrics", GOOD, Authorization="none"))[0] == 401
        assert (await here.post("metrics", b" " * (MAX_BYTES + 1)))[0] == 413
        assert (await here.post("metrics", GOOD, **{"Content-Type": "text/plain"}))[0] == 415
        assert (await here.post("metrics", GOOD))[0] == 429


async def test_half_a_body_gives_its_room_back_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.bodies.DEADLINE_S", 0.05)
    async with door(max_ingest_requests=1) as here:
        before = refused("metrics", "slow")
        async with half_sent("metrics", here, 100):
            await until(lambda: not here.room.requests)
        assert (refused("metrics", "slow"), here.room.bytes) == (before + 1, 0)
