"""`liveops bench notify`: from a detection to the receiver that was told, in a storm.

All workers run. Detections come in as alerts; a webhook on loopback is told.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from liveops.bench.stack import Say, private_stack, sweep
from liveops.embedded.secret_file import kept_secret
from liveops.errors import LiveOpsError
from liveops.security.tokens import user_token

DETECTIONS, WITHIN_S = 300, 2.0
#: What comes later than this after the last detection counts as lost.
PATIENCE_S = 30.0
_TOKEN_S = 3600
_SERVICE = "bench"


@dataclass(slots=True)
class Hook:
    """The receiver: when each service's incident was told as opened, and all messages."""

    opened_s: dict[str, float] = field(default_factory=dict)
    #: From the incident in PostgreSQL until it was told.
    told_after_s: list[float] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)

    async def take(self, request: web.Request) -> web.Response:
        now_s, wall_s = time.perf_counter(), time.time()
        body = await request.json()
        incident = body["incident"]
        if body["event"] == "opened":
            began_s = datetime.fromisoformat(incident["detected_at"]).timestamp()
            self.told_after_s.append(wall_s - began_s)
            for service in incident["affected_services"]:
                self.opened_s.setdefault(service, now_s)
        self.messages[incident["id"]] += 1
        return web.Response()


async def run(place: Path, say: Say) -> dict[str, Any]:
    """Measure on a private stack in `place`; the document of `--json`.

    Raises LiveOpsError when a call was refused or an incident was not told.
    """
    await sweep(place, say)
    async with private_stack(place, say) as stack:
        port = (await stack.start_all(notify_allow_private=True))["incidents"]
        secret = kept_secret(stack.layout.secrets, "jwt")
        token = user_token(secret, "bench", ["ENGINEER"], time.time(), _TOKEN_S)
        base = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            apart = await _storm(session, base, [f"{_SERVICE}-{n}" for n in range(DETECTIONS)])
            say(f"{DETECTIONS} services: {apart}")
            together = await _storm(session, base, [_SERVICE] * DETECTIONS)
            say(f"one service: {together}")
    return {
        "ratios": {"messages_an_incident": apart["messages_an_incident"]},
        "many_services": apart,
        "one_service": together,
    }


async def _storm(session: aiohttp.ClientSession, base: str, services: list[str]) -> dict[str, Any]:
    hook = Hook()
    app = web.Application()
    app.router.add_post("/", hook.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    body = {"name": f"bench-{time.time()}", "kind": "webhook", "secret": "bench",
            "url": f"http://127.0.0.1:{runner.addresses[0][1]}/",
            "match": {"service": services[0].partition("-")[0] + "*"}}  # fmt: skip
    made = await _post(session, f"{base}/api/receivers", body)
    try:
        sent_s = await _send(session, base, services)
        await _until_told(hook, sent_s)
    finally:
        async with session.delete(f"{base}/api/receivers/{made['id']}"):
            pass
        await runner.cleanup()
    took_ms = sorted((hook.opened_s[name] - at_s) * 1000 for name, at_s in sent_s.items())
    return {
        "p50_ms": round(took_ms[len(took_ms) // 2], 1),
        "p99_ms": round(took_ms[int((len(took_ms) - 1) * 0.99)], 1),
        "incident_to_told_p99_ms": round(
            sorted(hook.told_after_s)[-1 - len(took_ms) // 100] * 1000, 1
        ),
        "incidents": len(hook.messages),
        "messages_an_incident": round(hook.messages.total() / len(hook.messages), 2),
    }


async def _send(session: aiohttp.ClientSession, base: str, services: list[str]) -> dict[str, float]:
    """One alert a call, evenly; when the first of each service was sent."""
    sent_s: dict[str, float] = {}
    calls = []
    began_s = time.perf_counter()
    for number, service in enumerate(services):
        due_s = began_s + number * WITHIN_S / len(services)
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        sent_s.setdefault(service, time.perf_counter())
        alert = {
            "status": "firing",
            "labels": {"alertname": f"a-{number}", "service": service, "severity": "high"},
            "startsAt": datetime.now(UTC).isoformat(),
        }
        url = f"{base}/api/alerts/alertmanager"
        calls.append(asyncio.create_task(_post(session, url, {"alerts": [alert]})))
    await asyncio.gather(*calls)
    return sent_s


async def _until_told(hook: Hook, sent_s: dict[str, float]) -> None:
    deadline_s = time.perf_counter() + PATIENCE_S
    while not sent_s.keys() <= hook.opened_s.keys():
        if time.perf_counter() > deadline_s:
            raise LiveOpsError(f"{len(sent_s.keys() - hook.opened_s.keys())} were not told")
        await asyncio.sleep(0.05)


async def _post(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> Any:
    async with session.post(url, json=body) as response:
        if response.status not in (201, 202):
            raise LiveOpsError(f"{response.status}: {await response.text()}")
        return await response.json()
