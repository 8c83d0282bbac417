"""WebSocket clients of `liveops bench live`, in a process of their own.

Some clients read what they get; the others only take it off the wire, so that the machine
measures the server and not its clients.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack

import aiohttp
import msgspec
import numpy as np

from liveops.bench.stack import HOST
from schema.times import parse_time_s

_READERS = 5
_WARM_UP_S = 3.0
_CONNECTING = 50


class Order(msgspec.Struct, frozen=True):
    """Clients that get everything and clients of a silent service; the load beside them."""

    port: int
    token: str
    clients: int
    silent: int
    metrics_per_s: int
    seconds: float


class Seen(msgspec.Struct, frozen=True):
    """Ages of what readers got since it was posted; all that any client was told it missed."""

    connected: int
    dropped: int
    per_s: float
    p50_ms: float
    p99_ms: float


class _Metric(msgspec.Struct):
    timestamp: str


class _Message(msgspec.Struct):
    type: str
    metrics: list[_Metric] = []
    count: int = 0


_decode = msgspec.json.Decoder(_Message).decode


class Clients:
    """What they got after the warm-up."""

    def __init__(self) -> None:
        self.ages_ms: list[float] = []
        self.dropped = 0
        self.measuring = False

    async def read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Take every message in, with the age of each of its metrics."""
        async for frame in socket:
            now_s = time.time()
            message = _decode(frame.data)
            if message.type == "metrics" and self.measuring:
                ages = [now_s - parse_time_s(one.timestamp) for one in message.metrics]
                self.ages_ms += [1000 * age for age in ages]
            self.dropped += message.count if self.measuring else 0

    async def take(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Take every message off the wire; only what was missed is looked at."""
        async for frame in socket:
            if self.measuring and frame.data.startswith('{"type":"dropped"'):
                self.dropped += _decode(frame.data).count


async def run(order: Order) -> Seen:
    """Connect, warm up, measure."""
    clients = Clients()
    limit = asyncio.Semaphore(_CONNECTING)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )

        async def connect(query: str) -> aiohttp.ClientWebSocketResponse:
            async with limit:
                return await session.ws_connect(
                    f"http://{HOST}:{order.port}/api/metrics/live{query}",
                    protocols=("bearer", order.token), max_msg_size=0,
                )  # fmt: skip

        silent = await asyncio.gather(*(connect("?service=silent") for _ in range(order.silent)))
        full = await asyncio.gather(*(connect("") for _ in range(order.clients)))
        tasks = [asyncio.create_task(clients.read(one)) for one in full[:_READERS]]
        tasks += [asyncio.create_task(clients.take(one)) for one in [*full[_READERS:], *silent]]
        await asyncio.sleep(_WARM_UP_S)
        clients.measuring = True
        await asyncio.sleep(order.seconds)
        clients.measuring = False
        connected = sum(not socket.closed for socket in [*full, *silent])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Hundreds of farewells would only keep the server busy.
    readers = min(_READERS, order.clients)
    p50, p99 = np.percentile(clients.ages_ms, [50, 99])
    per_s = len(clients.ages_ms) / readers / order.seconds
    return Seen(connected, clients.dropped, per_s, float(p50), float(p99))


if __name__ == "__main__":
    found = asyncio.run(run(msgspec.json.decode(sys.argv[1], type=Order)))
    sys.stdout.write(msgspec.json.encode(found).decode())
