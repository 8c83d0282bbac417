"""What happens before a handler: broken HTTP, deadlines, `Expect`, gzip; over a bare socket."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.unit.web.doubles import bearer, edge
from tests.unit.web.test_edge import NOTES
from web import bodies, connection
from web.bodies import MAX_BYTES

POST = b"POST /notes HTTP/1.1\r\nHost: x\r\n"
KNOWN = f"Authorization: {bearer()['Authorization']}\r\n".encode()
GOOD = POST + KNOWN + b"Content-Type: application/json\r\n"


@dataclass
class Wire:
    """A bare connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> tuple[int, dict[str, str], Any]:
        """The next answer: status, headers, body."""
        async with asyncio.timeout(5):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        line, *lines = head.strip().split("\r\n")
        headers = dict(text.split(": ", 1) for text in lines)
        body = await self.reader.readexactly(int(headers.get("Content-Length", 0)))
        return int(line.split()[1]), headers, json.loads(body) if body else None


@asynccontextmanager
async def wire(data: bytes) -> AsyncIterator[Wire]:
    """A connection to the edge that has sent `data`."""
    async with edge(NOTES) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.server.port)
        writer.write(data)
        try:
            yield Wire(reader, writer)
        finally:
            writer.close()


def check_problem(answer: tuple[int, dict[str, str], Any], status: int) -> None:
    """An answer is a problem document with an id."""
    got, headers, problem = answer
    assert (got, problem["status"]) == (status, status)
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["X-Request-ID"] == problem["request_id"] != ""


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /\xff\xfe HTTP/1.1\r\n\r\n", 400),
        (b"GET http://[::\xff/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: 1\r\n" * 300 + b"\r\n", 431),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (GOOD + b"Content-Length: x\r\n\r\n", 400),
        (GOOD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400),
        (POST + b"Expect: 200-maybe\r\nContent-Length: 2\r\n\r\n{}", 417),
    ],
)
async def test_what_is_no_http_is_answered_with_a_problem_and_the_end(
    data: bytes, status: int
) -> None:
    async with wire(data) as sent:
        check_problem(await sent.answer(), status)
        async with asyncio.timeout(5):
            assert await sent.reader.read() == b""


async def test_a_chunk_that_breaks_under_the_handler_is_answered_once() -> None:
    async with wire(GOOD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"tex\r\n') as sent:
        await asyncio.sleep(0)
        sent.writer.write(b"zz\r\nt\r\n")
        check_problem(await sent.answer(), 400)
        async with asyncio.timeout(5):
            assert await sent.reader.read() == b""


@pytest.mark.parametrize("data", [b"GET /no", GOOD, b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n"])
async def test_half_a_head_is_408_in_time(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_DEADLINE_S", 0.05)
    async with wire(data) as sent:
        check_problem(await sent.answer(), 408)
        async with asyncio.timeout(5):
            assert await sent.reader.read() == b""


async def test_half_a_head_after_a_request_is_408_and_whole_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "HEAD_DEADLINE_S", 0.2)
    body = b'{"text":"x"}'
    whole = GOOD + b"Content-Length: 12\r\n\r\n" + body
    async with wire(whole[:40]) as sent:
        await asyncio.sleep(0.01)
        sent.writer.write(whole[40:-4])
        await asyncio.sleep(0.01)
        sent.writer.write(whole[-4:])
        assert (await sent.answer())[0] == 201
        sent.writer.write(whole)
        assert (await sent.answer())[0] == 201
        with pytest.raises(TimeoutError):  # an idle connection has no head that could be late
            async with asyncio.timeout(0.3):
                await sent.reader.read(1)
        sent.writer.write(b"\r\nGET ")
        check_problem(await sent.answer(), 408)


@pytest.mark.parametrize(
    "rest", [b"Content-Length: 12\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"]
)
async def test_half_a_body_is_408_in_time(rest: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "DEADLINE_S", 0.05)
    async with wire(GOOD + rest) as sent:
        answer = await sent.answer()
        check_problem(answer, 408)
        assert answer[1]["Connection"] == "close"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (POST.replace(b"/notes", b"/nothing") + b"Content-Length: 12\r\n", 404),
        (POST.replace(b"POST", b"PUT") + b"Content-Length: 12\r\n", 405),
        (POST + b"Content-Length: 12\r\n", 401),
        (GOOD + b"Content-Length: %d\r\n" % (MAX_BYTES + 1), 413),
        (POST + KNOWN + b"Content-Length: 12\r\n", 415),
    ],
)
async def test_a_refusal_comes_before_100_continue(head: bytes, status: int) -> None:
    async with wire(head + b"Expect: 100-continue\r\n\r\n") as sent:
        answer = await sent.answer()
        check_problem(answer, status)
        assert answer[1]["Connection"] == "close"


async def test_a_client_that_may_send_is_told_to_go_on() -> None:
    async with wire(GOOD + b"Content-Length: 12\r\nExpect: 100-Continue\r\n\r\n") as sent:
        assert (await sent.answer())[0] == 100
        sent.writer.write(b'{"text":"x"}')
        status, headers, _ = await sent.answer()
        assert (status, "Connection" in headers) == (201, False)


def zipped(*members: bytes) -> bytes:
    return b"".join(gzip.compress(member) for member in members)


@pytest.mark.parametrize("name", ["gzip", "x-gzip", "GZip"])
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (zipped(b'{"text":', b'"x"}'), 201),
        (zipped(b"", b'{"text":"x"}'), 201),
        (zipped(b'{"text":"x"}', b"") + bytes(700), 201),
        (zipped(b'{"text":"x"}') + bytes(7) + b"tail", 400),
        (zipped(b'{"text":"x"}', b" ")[:-3], 400),
        (zipped(*[b" " * (MAX_BYTES // 4)] * 4, b'{"text":"x"}'), 413),
    ],
)
async def test_gzip_may_have_several_members(data: bytes, status: int, name: str) -> None:
    async with edge(NOTES) as client:
        headers = bearer() | {"Content-Type": "application/json", "Content-Encoding": name}
        async with client.post("/notes", data=data, headers=headers) as response:
            assert response.status == status
