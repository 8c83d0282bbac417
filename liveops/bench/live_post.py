"""The sender of `liveops bench live`: batches at a steady rate, each metric with its time."""

from __future__ import annotations

import asyncio
import sys
import time

import aiohttp
import msgspec
import orjson

from liveops.bench.live_clients import Order
from liveops.bench.stack import HOST
from schema.times import format_time

_SERVICES, _BATCH = 10, 100


async def run(order: Order) -> None:
    """Post until the process is ended; a batch that is not accepted ends it too."""
    headers = {"Authorization": f"Bearer {order.token}"}
    url = f"http://{HOST}:{order.port}/api/metrics"
    every_s, began_s, number = _BATCH / order.metrics_per_s, time.monotonic(), 0
    async with aiohttp.ClientSession(headers=headers) as session:
        async with asyncio.TaskGroup() as posting:
            while True:
                posting.create_task(_post(session, url, number))
                number += 1
                await asyncio.sleep(max(0.0, began_s + number * every_s - time.monotonic()))


async def _post(session: aiohttp.ClientSession, url: str, number: int) -> None:
    told = format_time(time.time())
    metrics = [
        {
            "service_name": f"shop-{(number + place) % _SERVICES}", "metric_type": f"m{place % 20}",
            "value": float(place), "timestamp": told,
        }
        for place in range(_BATCH)
    ]  # fmt: skip
    async with session.post(url, data=orjson.dumps(metrics), headers=_JSON) as answer:
        answer.raise_for_status()


_JSON = {"Content-Type": "application/json"}

if __name__ == "__main__":
    asyncio.run(run(msgspec.json.decode(sys.argv[1], type=Order)))
