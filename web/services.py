"""`GET /api/services`: who reports, since when, and how they fare."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from liveops.deps import Deps
from liveops.errors import Unavailable
from liveops.postgres.history import read_services
from liveops.redis import keys
from schema.incidents import worst
from schema.times import format_time
from web.models.metrics import ServiceList
from web.paging import PAGE, page_of
from web.routing import Access, Route, list_response

#: Services seen within this time are listed.
SEEN_WITHIN_S = 86_400.0
#: A service silent for longer than this counts as silent.
SILENT_AFTER_S = 120.0


def routes(deps: Deps) -> list[Route]:
    """The services route."""

    async def get(request: web.Request) -> web.StreamResponse:
        now_s = deps.clock.now_s()
        services = {
            service["service_name"]: service
            for service in await read_services(deps.database, now_s - SEEN_WITHIN_S)
        }
        degraded: list[str] = []
        try:
            await _add_live(deps, services, now_s)
        except Unavailable:
            degraded.append("redis")
        page, cursor = page_of(
            request, services.values(), lambda service: [service["service_name"]]
        )
        more: dict[str, Any] = {"degraded": degraded} if degraded else {}
        return await list_response(
            page, lambda service: _public(service, now_s), next_cursor=cursor, **more
        )

    return [
        Route(
            "GET",
            "/api/services",
            get,
            Access.READ,
            "Services with their health, metric types and when they were last seen",
            response_model=ServiceList,
            query=PAGE,
        )
    ]


async def _add_live(deps: Deps, services: dict[str, dict[str, Any]], now_s: float) -> None:
    """Newest event times from Redis; services too young for a closed window appear too."""
    async with deps.cache.guard() as client:
        pairs = await client.zrangebyscore(
            keys.SERVICES, now_s - SEEN_WITHIN_S, "+inf", withscores=True
        )
    for name, seen_s in pairs:
        blank = {"service_name": name, "last_seen_s": 0.0, "metric_types": [], "severities": []}
        service = services.setdefault(name, blank)
        service["last_seen_s"] = max(service["last_seen_s"], seen_s)


def _public(service: dict[str, Any], now_s: float) -> dict[str, Any]:
    severities = service["severities"]
    if severities:
        health = "critical" if worst(severities) in ("critical", "high") else "degraded"
    elif now_s - service["last_seen_s"] > SILENT_AFTER_S:
        health = "silent"
    else:
        health = "ok"
    return {
        "service_name": service["service_name"],
        "health": health,
        "open_incidents": len(severities),
        "metric_types": service["metric_types"],
        "last_seen": format_time(service["last_seen_s"]),
    }
