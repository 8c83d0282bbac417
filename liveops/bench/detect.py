"""`liveops bench detect`: from a breach to the incident in the API, and what detectors cost.

All workers run. The baseline of the way is one record written and read back by a plain client
under the same load.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from liveops.bench.detect_cost import cost, fit_s
from liveops.bench.live_load import LiveLoad, sending
from liveops.bench.records import single
from liveops.bench.stack import HOST, PrivateStack, Say, private_stack, sweep
from liveops.bench.visibility import percentile
from liveops.embedded.secret_file import kept_secret
from liveops.errors import LiveOpsError
from liveops.security.tokens import user_token
from schema.topics import RAW

#: Other events a second while thresholds are breached.
LOAD_PER_S = 5000
_BETWEEN_S, _TOLD_S, _TOKEN_S = 0.5, 20.0, 3600
_POLL_S = 0.005
_WARM_UP_S = 10.0
_METRIC = "breach_probe"
_ECHO = "liveops.bench.echo"


async def run(place: Path, probes: int, seconds: float, say: Say) -> dict[str, Any]:
    """Measure on private stacks in `place`; the document of `--json`.

    Raises LiveOpsError when a breach is not told within 20 s.
    """
    await sweep(place, say)
    async with private_stack(place, say) as stack:
        ports = await stack.start_all()
        told_ms, echo_ms = await _under_load(stack, ports["incidents"], probes, say)
    p50, p99 = percentile(told_ms, 50), percentile(told_ms, 99)
    say(f"breach to incident: p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    async with private_stack(place, say) as stack:
        await stack.start_all(emit_interval_s=1.0)
        costs = await cost(stack, seconds, say)
    return {
        "ratios": {"echo": round(p50 / percentile(echo_ms, 50), 2)},
        "breach_to_incident_ms": {"p50": round(p50, 1), "p99": round(p99, 1)},
        "echo_ms": {q: round(percentile(echo_ms, s), 1) for q, s in (("p50", 50), ("p99", 99))},
        "cost": costs | {"fit_s": round(fit_s(), 3)},
    }


async def _under_load(
    stack: PrivateStack, port: int, probes: int, say: Say
) -> tuple[list[float], list[float]]:
    secret = kept_secret(stack.layout.secrets, "jwt")
    token = user_token(secret, "bench", ["ENGINEER"], time.time(), _TOKEN_S)
    say(f"{LOAD_PER_S} events/s of other load, {probes} breaches")
    async with (
        aiohttp.ClientSession(
            f"http://{HOST}:{port}", headers={"Authorization": f"Bearer {token}"}
        ) as http,
        sending(stack, LiveLoad(LOAD_PER_S, services=50, metrics=4)),
    ):
        await _add_rule(http)
        await asyncio.sleep(_WARM_UP_S)
        told_ms = await _breaches(stack, http, probes)
        echo_ms = await _echoes(stack, probes)
    return told_ms, echo_ms


async def _add_rule(http: aiohttp.ClientSession) -> None:
    rule = {
        "name": "probe", "kind": "threshold", "metric": _METRIC, "field": "max", "op": ">",
        "value": 100.0, "severity": "high",
    }  # fmt: skip
    async with http.post("/api/rules", json=rule) as answer:
        if answer.status != 201:
            raise LiveOpsError(f"the rule was refused: {await answer.text()}")


async def _breaches(stack: PrivateStack, http: aiohttp.ClientSession, probes: int) -> list[float]:
    """Milliseconds from sending each breach, of a service of its own, until it is listed."""
    found: list[float] = []
    producer = AIOKafkaProducer(bootstrap_servers=stack.broker, acks="all")
    await producer.start()
    try:
        for number in range(probes):
            service = f"probe-{number:04d}"
            began_s = time.monotonic()
            value = single(service, _METRIC, "500.0", time.time_ns() // 1_000_000)
            await producer.send(RAW, value, key=service.encode())
            await _listed(http, service)
            found.append(1000 * (time.monotonic() - began_s))
            await asyncio.sleep(_BETWEEN_S)
    finally:
        await producer.stop()
    return found


async def _listed(http: aiohttp.ClientSession, service: str) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_TOLD_S):
            while True:
                async with http.get("/api/incidents", params={"service": service}) as answer:
                    if (await answer.json())["items"]:
                        return
                await asyncio.sleep(_POLL_S)
    raise LiveOpsError(f"a breach was not told within {_TOLD_S:.0f} s: no figure")


async def _create(broker: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()


async def _echoes(stack: PrivateStack, probes: int) -> list[float]:
    """Milliseconds from sending a record until a plain reader has it."""
    found: list[float] = []
    consumer = AIOKafkaConsumer(
        _ECHO, bootstrap_servers=stack.broker, auto_offset_reset="earliest", group_id=None
    )
    producer = AIOKafkaProducer(bootstrap_servers=stack.broker, acks="all")
    await _create(stack.broker, _ECHO)
    await producer.start()
    try:
        await producer.send_and_wait(_ECHO, b"first")
        await consumer.start()
        await consumer.getone()
        for _ in range(probes):
            began_s = time.monotonic()
            await producer.send(_ECHO, b"echo")
            await consumer.getone()
            found.append(1000 * (time.monotonic() - began_s))
            await asyncio.sleep(_BETWEEN_S / 10)
    finally:
        await consumer.stop()
        await producer.stop()
    return found
