"""Metrics of now at a steady rate, in bursts of 20 ms, from a process of their own."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from liveops.bench.fill import batch_sender
from liveops.bench.records import VALUES, Load, Shape, single
from liveops.bench.stack import PrivateStack

_TICK_S = 0.02


class LiveLoad(msgspec.Struct, frozen=True):
    """Events a second over so many services and metrics of each, in turn."""

    per_s: int
    services: int
    metrics: int


class _Order(msgspec.Struct, frozen=True):
    broker: str
    partitions: int
    load: LiveLoad


@asynccontextmanager
async def sending(stack: PrivateStack, load: LiveLoad) -> AsyncIterator[None]:
    """The load runs while the block does."""
    order = msgspec.json.encode(_Order(stack.broker, stack.partitions, load))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "liveops.bench.live_load", order.decode()
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def _send(order: _Order) -> None:
    """Until the process is ended."""
    shape = Shape(order.load.services, order.load.metrics, prefix="live")
    load = Load(0, 0, 0, shape)
    names = [shape.service(number) for number in range(shape.services)]
    homes = [load.partition(name, order.partitions) for name in names]
    began_s, sent = time.monotonic(), 0
    async with batch_sender(order.broker) as sender:
        while True:
            due = int((time.monotonic() - began_s) * order.load.per_s)
            for number in range(sent, due):
                turn, service = divmod(number, shape.services)
                metric = shape.metric(turn % shape.metrics)
                now_ms = time.time_ns() // 1_000_000
                value = single(names[service], metric, VALUES[number & 4095], now_ms)
                await sender.add(homes[service], names[service].encode(), value)
            sent = due
            await sender.send()
            await asyncio.sleep(_TICK_S)


if __name__ == "__main__":
    asyncio.run(_send(msgspec.json.decode(sys.argv[1], type=_Order)))
