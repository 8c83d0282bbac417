"""`GET /api/metrics/live`: a WebSocket of metrics as they arrive."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from liveops.deps import Deps
from liveops.errors import Unavailable
from liveops.redis import keys
from liveops.redis.fanout import Fanout
from web.routing import Access, Query, Route
from web.spans import invalid
from web.websocket import Channel, serve

SNAPSHOT = 100
MAX_SERVICES = 200


def routes(deps: Deps, fanout: Fanout) -> list[Route]:
    """The live route; `fanout` follows the channel the window worker publishes on."""

    async def get(request: web.Request) -> web.StreamResponse:
        wanted = _services(request)

        async def run(channel: Channel) -> None:
            def listen(message: dict[str, Any]) -> None:
                if not wanted or message["service_name"] in wanted:
                    metrics = message["metrics"]
                    channel.offer({"type": "metrics", "metrics": metrics}, count=len(metrics))

            fanout.add(listen)
            try:
                await channel.send(await _snapshot(deps, wanted))
                await channel.run()
            finally:
                fanout.remove(listen)

        return await serve(request, "metrics", run)

    return [
        Route(
            "GET",
            "/api/metrics/live",
            get,
            Access.READ,
            "WebSocket of metrics: a snapshot, then what arrives",
            query=(Query("service", "Only this service; may be given several times"),),
            websocket=True,
        )
    ]


def _services(request: web.Request) -> set[str]:
    wanted = set(request.query.getall("service", []))
    if len(wanted) > MAX_SERVICES:
        raise invalid("service", f"at most {MAX_SERVICES}")
    return wanted


async def _snapshot(deps: Deps, wanted: set[str]) -> dict[str, Any]:
    """The last 100 metrics of each wanted service (of all when none is named)."""
    try:
        async with deps.cache.guard() as client:
            names = wanted or set(await client.zrevrange(keys.SERVICES, 0, MAX_SERVICES - 1))
            pipe = client.pipeline(transaction=False)
            for name in sorted(names):
                pipe.lrange(keys.live(name), 0, SNAPSHOT - 1)
            found = await pipe.execute()
    except Unavailable:
        return {"type": "snapshot", "metrics": [], "degraded": ["redis"]}
    metrics = [orjson.loads(text) for texts in found for text in texts]
    return {"type": "snapshot", "metrics": metrics}
