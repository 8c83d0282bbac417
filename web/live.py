"""`GET /api/metrics/live`: a WebSocket of metrics as they arrive."""

from __future__ import annotations

from itertools import chain
from typing import Any

from aiohttp import web

from liveops.deps import Deps
from liveops.errors import Unavailable
from liveops.metrics.http import WEBSOCKETS
from liveops.redis import keys
from liveops.redis.fanout import Fanout
from web.query_params import invalid
from web.routing import Access, Query, Route
from web.websocket import Channel, serve

SNAPSHOT = 100
MAX_SERVICES = 200


def routes(deps: Deps, fanout: Fanout) -> list[Route]:
    """The live route; `fanout` follows the channel the window worker publishes on."""
    WEBSOCKETS.labels("metrics")

    async def get(request: web.Request) -> web.StreamResponse:
        wanted = _services(request)

        async def run(channel: Channel) -> None:
            def listen(message: dict[str, Any]) -> None:
                if wanted and message["service_name"] not in wanted:
                    return
                # What the feed left out of this message; older feeds do not say.
                channel.missed(message.get("dropped", 0))
                metrics = message["metrics"]
                if metrics:
                    channel.offer({"type": "metrics", "metrics": metrics}, count=len(metrics))

            fanout.add(listen)
            try:
                await channel.send_text(await _snapshot(deps, wanted))
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
            "WebSocket of metrics: a snapshot, then what arrives; "
            '`{"type":"dropped","count":n}` tells how many were left out, by a slow client '
            "or a feed with more than it shows",
            query=(Query("service", "Only this service; up to 200 may be given", repeated=True),),
            websocket=True,
        )
    ]


def _services(request: web.Request) -> set[str]:
    wanted = set(request.query.getall("service", []))
    if len(wanted) > MAX_SERVICES:
        raise invalid("service", f"at most {MAX_SERVICES}")
    return wanted


async def _snapshot(deps: Deps, wanted: set[str]) -> str:
    """The last 100 metrics of each wanted service (of all when none is named), as JSON.

    They lie in Redis as JSON: thousands of them are put together without being decoded.
    """
    try:
        async with deps.cache.guard() as client:
            names = wanted or set(await client.zrevrange(keys.SERVICES, 0, MAX_SERVICES - 1))
            pipe = client.pipeline(transaction=False)
            for name in sorted(names):
                pipe.lrange(keys.live(name), 0, SNAPSHOT - 1)
            found = await pipe.execute()
    except Unavailable:
        return '{"type":"snapshot","metrics":[],"degraded":["redis"]}'
    return '{"type":"snapshot","metrics":[' + ",".join(chain.from_iterable(found)) + "]}"
