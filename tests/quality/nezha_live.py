"""The Nezha day through the whole chain on servers of its own, as fast as it is taken."""

from __future__ import annotations

import asyncio
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp

from liveops.bench.stack import HOST, private_stack
from liveops.embedded.secret_file import kept_secret
from liveops.security.tokens import user_token
from schema.times import format_time, parse_time_s
from tests.data import nezha
from tests.quality.nezha import DAY, Opened, faults, score

_BATCH, _TOKEN_S = 1000, 3600
#: For so long nothing may change before the day counts as judged.
_STILL_S, _LOOK_S, _PATIENCE_S = 30.0, 2.0, 600.0
_WINDOW_S = 60.0


def rows() -> Iterator[str]:
    """One line, with the declared call graph."""
    if not DAY.is_dir():
        yield f"left out, the Nezha day: not there: {DAY}"
        return
    yield f"the Nezha day, whole chain: {asyncio.run(_run())}"


async def _run() -> str:
    told: list[dict[str, Any]] = [
        {"service_name": service, "metric_type": metric, "value": float(value), "at": at}
        for at, service, metric, value in nezha.rows(DAY)
    ]
    last_s = parse_time_s(told[-1]["at"])
    # Whole minutes, so that windows stay what they are.
    shift_s = math.floor((time.time() - last_s) / 60) * 60.0
    for one in told:
        one["timestamp"] = format_time(parse_time_s(one.pop("at")) + shift_s)
    async with private_stack(Path(tempfile.gettempdir()), lambda _: None) as stack:
        ports = await stack.start_all()
        secret = kept_secret(stack.layout.secrets, "jwt")
        token = user_token(secret, "quality", ["ENGINEER"], time.time(), _TOKEN_S)
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
            names = ("metrics", "incidents")
            metrics, incidents = (f"http://{HOST}:{ports[name]}" for name in names)
            graph = nezha.topology(DAY)
            async with http.put(f"{metrics}/api/topology", json=graph) as answer:
                answer.raise_for_status()
            for first in range(0, len(told), _BATCH):
                await _post(http, f"{metrics}/api/metrics", told[first : first + _BATCH])
            found = await _settled(http, f"{incidents}/api/incidents")
    opened = [_opened(one, shift_s) for one in found]
    opened = [one for one in opened if one.at_s <= last_s]
    return score(sorted(opened, key=lambda one: one.at_s), faults(), last_s)


async def _post(http: aiohttp.ClientSession, url: str, batch: list[dict[str, Any]]) -> None:
    while True:
        async with http.post(url, json=batch) as answer:
            if answer.status == 202:
                return
            if answer.status not in (429, 503):
                raise RuntimeError(f"{answer.status}: {await answer.text()}")
        await asyncio.sleep(1)


async def _settled(http: aiohttp.ClientSession, url: str) -> list[dict[str, Any]]:
    """All incidents, when for a while there was no change."""
    begun_s = changed_s = time.monotonic()
    before: dict[str, int] = {}
    while True:
        async with http.get(url, params={"limit": "500"}) as answer:
            items: list[dict[str, Any]] = (await answer.json())["items"]
        now = {one["id"]: one["version"] for one in items}
        if now != before:
            before, changed_s = now, time.monotonic()
        elif now and time.monotonic() - changed_s > _STILL_S:
            return items
        if time.monotonic() - begun_s > _PATIENCE_S:
            return items
        await asyncio.sleep(_LOOK_S)


def _opened(incident: dict[str, Any], shift_s: float) -> Opened:
    """Opened when the window in which its first excursion began was closed, at the latest."""
    begun_s = min((parse_time_s(one["onset"]) for one in incident["detections"]), default=math.inf)
    return Opened(
        incident["id"],
        begun_s + _WINDOW_S - shift_s,
        incident["affected_services"],
        incident["title"],
        "Merged into incident" in incident["description"],
    )
