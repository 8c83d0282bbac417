"""`/api/services`: who reports, since when, and how they fare; and who is no more."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from liveops.deps import Deps
from liveops.errors import NotFound, Unavailable
from liveops.postgres.history import read_services, read_unresolved
from liveops.postgres.services import delete_service, deleted_services
from liveops.redis import keys
from schema.incidents import Severity, worst
from schema.metrics import is_service_name
from schema.times import format_time
from web.models.metrics import ServiceList
from web.paging import PAGE, page_of
from web.query_params import services_of
from web.routing import Access, Query, Route, list_response

#: Services seen within this time are listed.
SEEN_WITHIN_S = 86_400.0
#: A service silent for longer than this counts as silent.
SILENT_AFTER_S = 120.0


def routes(deps: Deps) -> list[Route]:
    """The services route."""

    async def get(request: web.Request) -> web.StreamResponse:
        names = services_of(request, needed=False)
        now_s = deps.clock.now_s()
        found, degraded = await _services(deps, names, now_s)
        unresolved = await read_unresolved(deps.database) if found else {}
        page, cursor = page_of(request, found, lambda service: [service["service_name"]])
        more: dict[str, Any] = {"degraded": degraded} if degraded else {}
        return await list_response(
            page,
            lambda service: _public(service, unresolved.get(service["service_name"], {}), now_s),
            next_cursor=cursor,
            **more,
        )

    async def delete(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        now_s = deps.clock.now_s()
        known = is_service_name(name) and (await _services(deps, (name,), now_s))[0]
        if not known:
            raise NotFound("no service of this name has reported within a day")
        await delete_service(deps.database, name, now_s)
        return web.Response(status=204)

    return [
        Route(
            "GET",
            "/api/services",
            get,
            Access.READ,
            "Services with their health, metric types and when they were last seen",
            response_model=ServiceList,
            query=(
                Query("service", "Only this service; up to 100 may be given", repeated=True),
                *PAGE,
            ),
        ),
        Route(
            "DELETE",
            "/api/services/{name}",
            delete,
            Access.WRITE,
            "A service is no more: it is neither listed nor missed until it reports again; its "
            "history and incidents stay. A slash in the name is written %2F",
            status=204,
        ),
    ]


async def _services(
    deps: Deps, names: tuple[str, ...], now_s: float
) -> tuple[list[dict[str, Any]], list[str]]:
    """The services of these names (all when there are none), and what did not answer."""
    since_s = now_s - SEEN_WITHIN_S
    stored = await read_services(deps.database, since_s, list(names) or None)
    services = {service["service_name"]: service for service in stored}
    degraded: list[str] = []
    pairs: list[tuple[str, float]] = []
    try:
        async with deps.cache.guard() as client:
            pairs = await client.zrangebyscore(keys.SERVICES, since_s, "+inf", withscores=True)
    except Unavailable:
        degraded.append("redis")
    for name, seen_s in pairs:
        if names and name not in names:
            continue
        # Services too young for a closed window appear too.
        blank = {"service_name": name, "last_seen_s": 0.0, "metric_types": []}
        service = services.setdefault(name, blank)
        service["last_seen_s"] = max(service["last_seen_s"], seen_s)
    deleted_s = await deleted_services(deps.database)
    living = [
        service
        for service in services.values()
        if service["last_seen_s"] > deleted_s.get(service["service_name"], 0.0)
    ]
    return living, degraded


def _public(
    service: dict[str, Any], unresolved: dict[Severity, int], now_s: float
) -> dict[str, Any]:
    severity = worst(list(unresolved)) if unresolved else None
    if severity is not None:
        health = "critical" if severity in ("critical", "high") else "degraded"
    elif now_s - service["last_seen_s"] > SILENT_AFTER_S:
        health = "silent"
    else:
        health = "ok"
    return {
        "service_name": service["service_name"],
        "health": health,
        "severity": severity,
        "open_incidents": sum(unresolved.values()),
        "metric_types": service["metric_types"],
        "last_seen": format_time(service["last_seen_s"]),
    }
