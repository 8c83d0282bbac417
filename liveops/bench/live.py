"""`liveops bench live`: from `POST /api/metrics` to what WebSocket clients see.

All workers run. A thousand clients are connected; two hundred of them get everything. The
baseline is the same with a single client.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from liveops.bench.live_clients import Order, Seen
from liveops.bench.stack import WORKER, Say, private_stack, sweep
from liveops.embedded.secret_file import kept_secret
from liveops.errors import LiveOpsError
from liveops.security.tokens import user_token

#: Clients that get everything, and those beside them that follow a service which is silent.
CLIENTS, SILENT = 200, 800
METRICS_PER_S = 2000
_TOKEN_S = 3600


async def run(place: Path, seconds: float, say: Say) -> dict[str, Any]:
    """Measure on a private stack in `place`; the document of `--json`.

    Raises LiveOpsError when a client was refused or metrics were not accepted.
    """
    await sweep(place, say)
    async with private_stack(place, say) as stack:
        port = (await stack.start_all())[WORKER]
        secret = kept_secret(stack.layout.secrets, "jwt")
        token = user_token(secret, "bench", ["ENGINEER"], time.time(), _TOKEN_S)
        alone = await _measure(Order(port, token, 1, 0, METRICS_PER_S, seconds), say)
        many = await _measure(Order(port, token, CLIENTS, SILENT, METRICS_PER_S, seconds), say)
    return {
        "ratios": {"one_client": round(many.p50_ms / alone.p50_ms, 2)},
        "p50_ms": {"one": round(alone.p50_ms, 1), "many": round(many.p50_ms, 1)},
        "p99_ms": {"one": round(alone.p99_ms, 1), "many": round(many.p99_ms, 1)},
        "clients": {"connected": many.connected, "dropped": many.dropped},
        "metrics": {"seen_per_client_per_s": round(many.per_s), "posted_per_s": METRICS_PER_S},
    }


async def _measure(order: Order, say: Say) -> Seen:
    """Clients in a process of their own, and the sender in another."""
    sender = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "liveops.bench.live_post", msgspec.json.encode(order).decode()
    )
    try:
        clients = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "liveops.bench.live_clients",
            msgspec.json.encode(order).decode(), stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        answer, _ = await clients.communicate()
        if clients.returncode:
            raise LiveOpsError("a client was refused")
        if sender.returncode is not None:
            raise LiveOpsError("metrics were not accepted")
    finally:
        if sender.returncode is None:
            sender.terminate()
        await sender.wait()
    seen = msgspec.json.decode(answer, type=Seen)
    say(f"{seen.connected} clients: p50 {seen.p50_ms:.0f} ms, p99 {seen.p99_ms:.0f} ms")
    return seen
