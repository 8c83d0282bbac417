"""`liveops demo --storm` through the whole chain on servers of its own: is it one incident?"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp

from liveops.bench.stack import HOST, private_stack
from liveops.client import AsyncClient
from liveops.clock import SystemClock
from liveops.demo import storm
from liveops.demo.run import Plan
from liveops.embedded.secret_file import kept_secret
from liveops.security.tokens import user_token

_WITHIN_S, _LOOK_S, _TOKEN_S = 150.0, 0.5, 3600
#: After all are in it, for so long no second incident may come.
_STILL_S = 20.0


def rows() -> Iterator[str]:
    """How many incidents there were, of how many branches, and how soon the last had joined."""
    yield asyncio.run(_run())


async def _run() -> str:
    async with private_stack(Path(tempfile.gettempdir()), lambda _: None) as stack:
        ports = await stack.start_all()
        secret = kept_secret(stack.layout.secrets, "jwt")
        token = user_token(secret, "quality", ["ENGINEER"], time.time(), _TOKEN_S)
        headers = {"Authorization": f"Bearer {token}"}
        base = f"http://{HOST}:{ports['incidents']}"
        async with (
            AsyncClient(f"http://{HOST}:{ports['metrics']}", token=token) as client,
            aiohttp.ClientSession(base, headers=headers) as http,
        ):
            blowing = asyncio.create_task(
                storm.run(client, SystemClock(), Plan(seed=5), lambda _: None)
            )
            try:
                return await _watch(http)
            finally:
                blowing.cancel()
                await asyncio.gather(blowing, return_exceptions=True)


async def _watch(http: aiohttp.ClientSession) -> str:
    began_s = time.monotonic()
    joined: set[str] = set()
    while len(joined) < len(storm.BRANCHES) and time.monotonic() < began_s + _WITHIN_S:
        await asyncio.sleep(_LOOK_S)
        joined = {name for one in await _open(http) for name in one["affected_services"]}
    passed_s = time.monotonic() - began_s
    await asyncio.sleep(_STILL_S)
    found = await _open(http)
    return (
        f"storm: {len(joined)} of {len(storm.BRANCHES)} branches told {passed_s:.0f} s after the "
        f"demo began, {len(found)} open incident{'s' * (len(found) != 1)}"
    )


async def _open(http: aiohttp.ClientSession) -> list[dict[str, Any]]:
    async with http.get("/api/incidents", params={"status": "open", "limit": "500"}) as answer:
        items: list[dict[str, Any]] = (await answer.json())["items"]
    return items
