"""`liveops bench ingest`: `POST /api/metrics` of the whole product against a bare handler.

And remote write and OTLP, each beside reading the same bodies in one process and no more.
All workers run, each request carries a JWT, is validated and answered when the broker has it.
Clients and servers share the cores, so the ratio counts, not the figures.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from liveops.bench.foreign_bodies import PER_BODY, Foreign, otlp, remote_write
from liveops.bench.http_load import HttpLoad, Outcome
from liveops.bench.records import VALUES, Shape
from liveops.bench.stack import HOST, WORKER, PrivateStack, Say, private_stack, sweep
from liveops.embedded.secret_file import kept_secret
from liveops.errors import LiveOpsError
from liveops.security.tokens import user_token

PATH = "/api/metrics"
PER_BATCH = 100
#: Requests a second of the paced run, and the share of the most in the last one.
PACED_PER_S = 1000.0
SHARE_OF_MOST = 0.8
_TOKEN_S = 3600
_SHAPE = Shape()
_CONNECT_S = 15.0
#: Connections of a sender with some shards.
_SENDERS = 4


async def run(place: Path, seconds: float, say: Say) -> dict[str, Any]:
    """Measure on a private stack in `place`, each step for `seconds`; the document of `--json`.

    Raises LiveOpsError when a request was refused: then there is no figure.
    """
    await sweep(place, say)
    async with private_stack(place, say) as stack:
        port = (await stack.start_all())[WORKER]
        token = user_token(
            kept_secret(stack.layout.secrets, "jwt"), "bench", ["ENGINEER"], time.time(), _TOKEN_S
        )
        load = HttpLoad(port, PATH, token, [], seconds=seconds)
        found = await _steps(stack, load, say)
        foreign = {
            made.name: (await _send_foreign(load, made, say), made.read_per_s())
            for made in (remote_write(time.time()), otlp(time.time()))
        }
    single, bare = found["single"], found["bare"]
    ratios = {name: round(sent / read, 3) for name, (sent, read) in foreign.items()}
    return {
        "ratios": {"bare": round(single.per_s / bare.per_s, 3)} | ratios,
        "requests_per_s": {name: round(outcome.per_s) for name, outcome in found.items()},
        "metrics_per_s": {"batch": round(found["batch"].per_s * PER_BATCH)}
        | {name: round(sent) for name, (sent, _) in foreign.items()},
        "p50_ms": {name: round(outcome.p50_ms, 1) for name, outcome in found.items()},
        "p99_ms": {name: round(outcome.p99_ms, 1) for name, outcome in found.items()},
    }


async def _steps(stack: PrivateStack, load: HttpLoad, say: Say) -> dict[str, Outcome]:
    singles, batches = _bodies(1, 200), _bodies(PER_BATCH, 50)
    found: dict[str, Outcome] = {}

    async def step(name: str, of: HttpLoad) -> Outcome:
        outcome = await send(of)
        if outcome.refused:
            raise LiveOpsError(f"{name}: {outcome.refused} requests were not answered by 202")
        say(f"{name}: {outcome.per_s:,.0f} requests/s, p99 {outcome.p99_ms:.1f} ms")
        found[name] = outcome
        return outcome

    single = msgspec.structs.replace(load, bodies=singles)
    await step("warm-up", msgspec.structs.replace(single, seconds=min(3.0, load.seconds)))
    async with _bare() as port:
        before = await send(msgspec.structs.replace(single, port=port))
    most = await step("single", single)
    async with _bare() as port:
        after = await send(msgspec.structs.replace(single, port=port))
    found["bare"] = msgspec.structs.replace(before, per_s=(before.per_s + after.per_s) / 2)
    say(f"bare: {before.per_s:,.0f} and {after.per_s:,.0f} requests/s")
    await step("batch", msgspec.structs.replace(load, bodies=batches, connections=8))
    await step("paced", msgspec.structs.replace(single, rate=PACED_PER_S))
    await step("most of it", msgspec.structs.replace(single, rate=SHARE_OF_MOST * most.per_s))
    del found["warm-up"]
    return found


async def _send_foreign(load: HttpLoad, made: Foreign, say: Say) -> float:
    """Values a second that the broker has; raises LiveOpsError."""
    load = msgspec.structs.replace(
        load, path=made.path, bodies=made.bodies, content=made.content, accepted=made.accepted,
        connections=_SENDERS,
    )  # fmt: skip
    outcome = await send(load)
    if outcome.refused:
        raise LiveOpsError(f"{made.name}: {outcome.refused} requests were refused")
    say(f"{made.name}: {outcome.per_s * PER_BODY:,.0f} values/s, p99 {outcome.p99_ms:.0f} ms")
    return outcome.per_s * PER_BODY


def _bodies(size: int, count: int) -> list[bytes]:
    """Bodies of `size` metrics each, without time: they are of now."""
    metrics = [
        {
            "service_name": _SHAPE.service(number % _SHAPE.services),
            "metric_type": _SHAPE.metric(number // _SHAPE.services % _SHAPE.metrics),
            "value": float(VALUES[number & 4095]),
            "tags": {"host": f"host-{number % _SHAPE.services}"},
        }
        for number in range(size * count)
    ]
    parts = [metrics[at : at + size] for at in range(0, len(metrics), size)]
    return [msgspec.json.encode(part if size > 1 else part[0]) for part in parts]


async def send(load: HttpLoad) -> Outcome:
    """Perform a load in a process of its own; raises LiveOpsError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "liveops.bench.http_load",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    answer, _ = await process.communicate(msgspec.json.encode(load))
    if process.returncode:
        raise LiveOpsError("the clients failed")
    return msgspec.json.decode(answer, type=Outcome)


@asynccontextmanager
async def _bare() -> AsyncIterator[int]:
    """The baseline's port, while its process runs."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "liveops.bench.bare", str(port)
    )
    try:
        async with asyncio.timeout(_CONNECT_S):
            while not await _listens(port):
                await asyncio.sleep(0.05)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
