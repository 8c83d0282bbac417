"""HTTP clients as load, in a process of their own: `python -m liveops.bench.http_load`.

Reads one `HttpLoad` as JSON from standard input and prints one `Outcome`. Requests are ready bytes
over plain sockets, so that what is measured is the server. Without a rate each connection
asks again when it was answered; with one, requests have their times, and an answer's delay
counts from then: a server that stalls is not asked less for it.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from time import perf_counter
from typing import cast

import msgspec
from msgspec import Struct, field

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
#: After the last request of a paced run the answers are waited for.
_DRAIN_LOOK_S, _DRAIN_AT_MOST_S = 0.005, 30.0


class HttpLoad(Struct, frozen=True):
    """`bodies` are sent in turn for `seconds`; `rate` is requests a second, 0 for all it takes.

    `content` are the headers that tell what a body is, `accepted` the status of a good answer.
    """

    port: int
    path: str
    token: str
    bodies: list[bytes]
    connections: int = 32
    seconds: float = 5.0
    rate: float = 0.0
    content: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    accepted: int = 202


class Outcome(Struct, frozen=True):
    """Answers a second, and their delays; `refused` were not as they should be."""

    per_s: float
    p50_ms: float
    p99_ms: float
    refused: int


class _Run:
    """What the connections share: requests in turn, what came of them, who is idle."""

    def __init__(self, load: HttpLoad) -> None:
        self._requests = [_request(load, body) for body in load.bodies]
        self._accepted = str(load.accepted).encode()
        self._next = 0
        self.closed_loop = load.rate == 0
        self.delays_s: list[float] = []
        self.refused = 0
        self.idle: deque[_Connection] = deque()
        self.waiting: deque[float] = deque()
        self.over = False

    def request(self) -> bytes:
        self._next = (self._next + 1) % len(self._requests)
        return self._requests[self._next]

    def due(self, at_s: float) -> None:
        """A request has its time now; without an idle connection it waits."""
        if self.idle:
            self.idle.popleft().ask(at_s)
        else:
            self.waiting.append(at_s)

    def answered(self, connection: _Connection, status: bytes, asked_s: float) -> None:
        self.delays_s.append(perf_counter() - asked_s)
        self.refused += status != self._accepted
        if self.over:
            return
        if self.closed_loop:
            connection.ask(perf_counter())
        elif self.waiting:
            connection.ask(self.waiting.popleft())
        else:
            self.idle.append(connection)


def _request(load: HttpLoad, body: bytes) -> bytes:
    content = "".join(f"{name}: {text}\r\n" for name, text in load.content.items())
    head = (
        f"POST {load.path} HTTP/1.1\r\nHost: 127.0.0.1:{load.port}\r\n"
        f"Authorization: Bearer {load.token}\r\n{content}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._asked_s = 0.0
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # of a stream connection

    def ask(self, asked_s: float) -> None:
        """Send the next request; its delay counts from `asked_s`."""
        self._asked_s = asked_s
        if self._transport is not None:
            self._transport.write(self._run.request())

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        end = received.find(_HEAD_END)
        if end < 0:
            return
        head = received[:end].lower()
        _, named, rest = head.partition(_LENGTH)
        length = int(rest.split(b"\r\n", 1)[0]) if named else 0  # of 204
        if len(received) >= end + len(_HEAD_END) + length:
            self._received = b""
            self._run.answered(self, received[9:12], self._asked_s)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()


async def perform(load: HttpLoad) -> Outcome:
    """Connect, send for the given time, and say what came back; raises OSError."""
    run, loop = _Run(load), asyncio.get_running_loop()
    connections = []
    for _ in range(load.connections):
        _, connection = await loop.create_connection(
            lambda: _Connection(run), "127.0.0.1", load.port
        )
        connections.append(connection)
    began_s = perf_counter()
    if run.closed_loop:
        for connection in connections:
            connection.ask(perf_counter())
        await asyncio.sleep(load.seconds)
    else:
        run.idle.extend(connections)
        await _pace(run, load, began_s)
    took_s, run.over = perf_counter() - began_s, True
    for connection in connections:
        connection.close()
    delays_s = sorted(run.delays_s)
    return Outcome(
        per_s=len(delays_s) / took_s,
        p50_ms=1000 * quantile(delays_s, 0.5),
        p99_ms=1000 * quantile(delays_s, 0.99),
        refused=run.refused,
    )


async def _pace(run: _Run, load: HttpLoad, began_s: float) -> None:
    for number in range(int(load.rate * load.seconds)):
        at_s = began_s + number / load.rate
        while (rest_s := at_s - perf_counter()) > 0:
            await asyncio.sleep(rest_s)
        run.due(at_s)
        if not number % 100:
            await asyncio.sleep(0)
    while run.waiting or len(run.idle) < load.connections:
        await asyncio.sleep(_DRAIN_LOOK_S)
        if perf_counter() - began_s > load.seconds + _DRAIN_AT_MOST_S:
            break


def quantile(ascending: list[float], share: float) -> float:
    """The value that `share` of a sorted list does not exceed; inf of none."""
    if not ascending:
        return float("inf")
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))]


def main() -> None:
    """Perform the load on standard input."""
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=HttpLoad)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(perform(load))) + b"\n")


if __name__ == "__main__":
    main()
