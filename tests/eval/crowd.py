"""300 incidents in a minute: how long until each has its ranking in `GET /api/analysis/{id}`.

The whole product on servers of its own, with an hour of history of fifty services that call each
other and 500 metrics a second beside the incidents.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator

import numpy as np

from schema.times import parse_time_s
from tests.client import Client
from tests.stack import TestStack, running_stack

_INCIDENTS, _WITHIN_S, _RATE = 300, 60.0, 500
_SERVICES, _HISTORY_MIN, _PATIENCE_S, _LOOK_S = 50, 60, 30.0, 0.02
_METRICS = ("latency_ms", "requests", "cpu_percent")
#: Signing in and history take a while; a look asks again until there is an answer.
_FIRST_S = 10.0


def rows() -> Iterator[str]:
    """The figures in one line."""
    with running_stack() as stack:
        took_s = asyncio.run(_run(stack))
    p50, p99, most = (1000 * float(value) for value in np.quantile(took_s, (0.5, 0.99, 1.0)))
    yield (
        f"{_INCIDENTS} incidents in {_WITHIN_S:.0f} s beside {_RATE} metrics/s, detection to "
        f"ranking: p50 {p50:.0f} ms, p99 {p99:.0f} ms, most {most:.0f} ms"
    )


async def _run(stack: TestStack) -> list[float]:
    async with Client.signed_in(stack, "engineer") as client:
        names = [f"shop-{number:02d}" for number in range(_SERVICES)]
        edges = [{"from": names[(n - 1) // 2], "to": names[n]} for n in range(1, _SERVICES)]
        answer = await client.call("PUT", "/api/topology", json={"edges": edges})
        assert answer.status == 200, answer
        begun_s = math.floor(time.time() / 60) * 60.0
        for minute in range(_HISTORY_MIN, 0, -1):
            await client.send(*_values(names, begun_s - 60 * minute, minute))
        await asyncio.sleep(_FIRST_S)
        load = asyncio.create_task(_load(client, names))
        try:
            return await asyncio.gather(*(_one(client, names, n) for n in range(_INCIDENTS)))
        finally:
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)


def _values(names: list[str], at_s: float, salt: int) -> list[dict[str, object]]:
    return [
        {"service_name": name, "metric_type": metric, "timestamp": at_s,
         "value": 100.0 + (place * 7 + salt * 13 + len(metric)) % 11}
        for place, name in enumerate(names)
        for metric in _METRICS
    ]  # fmt: skip


async def _load(client: Client, names: list[str]) -> None:
    """So many metrics a second, in ten bodies."""
    part = _RATE // 10
    step = 0
    while True:
        due = time.monotonic() + 0.1
        await client.send(*_values(names, time.time(), step)[:part])
        step += 1
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def _one(client: Client, names: list[str], number: int) -> float:
    """Seconds from the detection of one incident to its ranking; they come evenly."""
    await asyncio.sleep(number * _WITHIN_S / _INCIDENTS)
    service = names[number % _SERVICES]
    body = {"title": f"{service} is slow ({number})", "severity": "high", "service_name": service}
    opened = await client.call("POST", "/api/incidents", json=body)
    assert opened.status == 201, opened
    detected_s = parse_time_s(opened.body["detected_at"])
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            answer = await client.call("GET", f"/api/analysis/{opened.body['id']}")
            if answer.status in (200, 202) and answer.body["ranking"]:
                return time.time() - detected_s
            await asyncio.sleep(_LOOK_S)
