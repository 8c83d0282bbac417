"""`GET /api/metrics/live`: a WebSocket of metrics as they arrive."""

from __future__ import annotations

from aiohttp import web

from liveops.deps import Deps
from liveops.metrics.http import WEBSOCKETS
from liveops.redis.fanout import Fanout
from web.live_hub import LiveHub
from web.live_snapshot import MAX_SERVICES, read_snapshot
from web.query_params import invalid, time_of
from web.routing import Access, Query, Route
from web.websocket import Channel, serve


def routes(deps: Deps, fanout: Fanout) -> list[Route]:
    """The live route; `fanout` follows the channel the window worker publishes on."""
    WEBSOCKETS.labels("metrics")
    hub = LiveHub()
    fanout.add(hub.take)

    async def get(request: web.Request) -> web.StreamResponse:
        wanted = _services(request)
        since_s = time_of(request, "since", 0.0) if "since" in request.query else None

        async def run(channel: Channel) -> None:
            follower = hub.follow(channel, wanted)
            try:
                snapshot = await read_snapshot(deps.cache, wanted, since_s)
                await channel.send_json(snapshot.message)
                hub.begin(follower, snapshot.ids)
                await channel.run()
            finally:
                hub.leave(follower)

        return await serve(request, "metrics", run)

    return [
        Route(
            "GET",
            "/api/metrics/live",
            get,
            Access.READ,
            "WebSocket of metrics: a snapshot, then what arrives, each once; "
            '`{"type":"dropped","count":n}` tells how many were left out, by a slow client '
            "or a feed with more than it shows",
            query=(
                Query("service", "Only this service; up to 200 may be given", repeated=True),
                Query(
                    "since",
                    "Event time (RFC 3339) of the last metric that a client has: the snapshot "
                    'holds that and what is newer; `"complete":false` where that is more than '
                    "is kept",
                ),
            ),
            websocket=True,
        )
    ]


def _services(request: web.Request) -> set[str]:
    wanted = set(request.query.getall("service", []))
    if len(wanted) > MAX_SERVICES:
        raise invalid("service", f"at most {MAX_SERVICES}")
    return wanted
