"""`/api/services`: who reports, since when, and how they fare; and who is no more."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from liveops.deps import Deps
from liveops.errors import NotFound, Unavailable
from liveops.postgres.history import read_unresolved
from liveops.postgres.service_cards import change_card, read_cards
from liveops.postgres.services import (
    NewestWindows,
    SeenService,
    delete_service,
    deleted_services,
    read_newest,
    read_services,
)
from liveops.redis import keys
from schema.incidents import Severity, worst
from schema.metrics import MAX_FUTURE_S, is_service_name
from schema.service_cards import ServiceCard
from schema.times import format_time
from web.bodies import read_model
from web.models.services import ServiceAnswer, ServiceList, ServicePatch, changes_of
from web.paging import PAGE, page_of
from web.query_params import services_of
from web.routing import Access, Query, Route, json_response, list_response
from web.versions import etag, expected_version

#: Services seen within this time are listed.
SEEN_WITHIN_S = 86_400.0
#: A service silent for longer than this counts as silent.
SILENT_AFTER_S = 120.0
_ONE = "/api/services/{name}"
_SLASH = "A slash in the name is written %2F"


def routes(deps: Deps) -> list[Route]:
    """List, read, describe and forget services."""
    handlers = ServiceHandlers(deps)
    return [
        Route(
            "GET",
            "/api/services",
            handlers.listing,
            Access.READ,
            "Services with their health, what they report, owner and links",
            response_model=ServiceList,
            query=(
                Query("service", "Only this service; up to 100 may be given", repeated=True),
                *PAGE,
            ),
        ),
        Route(
            "GET",
            _ONE,
            handlers.read,
            Access.READ,
            f"One service. {_SLASH}",
            response_model=ServiceAnswer,
        ),
        Route(
            "PATCH",
            _ONE,
            handlers.patch,
            Access.WRITE,
            "Say who owns a service, where to look further and what to do; If-Match is honoured. "
            f"{_SLASH}",
            request_model=ServicePatch,
            response_model=ServiceAnswer,
        ),
        Route(
            "DELETE",
            _ONE,
            handlers.delete,
            Access.WRITE,
            "A service is no more: it is neither listed nor missed until it reports again; its "
            f"history, incidents, owner, links and runbook stay. {_SLASH}",
            status=204,
        ),
    ]


class ServiceHandlers:
    """The handlers."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def listing(self, request: web.Request) -> web.StreamResponse:
        """GET /api/services."""
        found, degraded = await self._living(services_of(request, needed=False))
        page, cursor = page_of(request, found, lambda service: [service.service_name])
        more: dict[str, Any] = {"degraded": degraded} if degraded else {}
        shown = await self._shown(page)
        return await list_response(shown, lambda item: item, next_cursor=cursor, **more)

    async def read(self, request: web.Request) -> web.StreamResponse:
        """GET /api/services/{name}."""
        return await self._answer(await self._named(request))

    async def patch(self, request: web.Request) -> web.StreamResponse:
        """PATCH /api/services/{name}."""
        changes = changes_of(await read_model(request, ServicePatch))
        service = await self._named(request)
        await change_card(
            self._deps.database,
            service.service_name,
            changes,
            request["principal"].subject,
            expected_version(request),
        )
        return await self._answer(service)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """DELETE /api/services/{name}."""
        service = await self._named(request)
        await delete_service(self._deps.database, service.service_name, self._deps.clock.now_s())
        return web.Response(status=204)

    async def _named(self, request: web.Request) -> SeenService:
        name = request.match_info["name"]
        found = (await self._living((name,)))[0] if is_service_name(name) else []
        if not found:
            raise NotFound("no service of this name has reported within a day")
        return found[0]

    async def _answer(self, service: SeenService) -> web.Response:
        (shown,) = await self._shown([service])
        return json_response(shown, headers=etag(shown["version"]))

    async def _living(self, names: tuple[str, ...]) -> tuple[list[SeenService], list[str]]:
        """The services of these names (all when there are none), and what did not answer."""
        since_s = self._deps.clock.now_s() - SEEN_WITHIN_S
        stored = await read_services(self._deps.database, since_s, names)
        services = {service.service_name: service for service in stored}
        degraded: list[str] = []
        pairs: list[tuple[str, float]] = []
        try:
            async with self._deps.cache.guard() as client:
                pairs = await client.zrangebyscore(keys.SERVICES, since_s, "+inf", withscores=True)
        except Unavailable:
            degraded.append("redis")
        for name, seen_s in pairs:
            if names and name not in names:
                continue
            # Services too young for a closed window appear too.
            service = services.setdefault(name, SeenService(name, 0.0))
            service.last_seen_s = max(service.last_seen_s, seen_s)
        deleted_s = await deleted_services(self._deps.database)
        living = [
            service
            for service in services.values()
            if service.last_seen_s > deleted_s.get(service.service_name, 0.0)
        ]
        return living, degraded

    async def _shown(self, services: list[SeenService]) -> list[dict[str, Any]]:
        if not services:
            return []
        now_s, database = self._deps.clock.now_s(), self._deps.database
        names = [service.service_name for service in services]
        since_s = now_s - SEEN_WITHIN_S
        newest = await read_newest(database, names, since_s, now_s + MAX_FUTURE_S)
        cards = await read_cards(database, names)
        unresolved = await read_unresolved(database)
        return [
            _public(service, newest.get(name), cards[name], unresolved.get(name, {}), now_s)
            for name, service in zip(names, services, strict=True)
        ]


def _public(
    service: SeenService,
    newest: NewestWindows | None,
    card: ServiceCard,
    unresolved: dict[Severity, int],
    now_s: float,
) -> dict[str, Any]:
    seen_s = max(service.last_seen_s, newest.start_s + 60 if newest else 0.0)
    is_silent = now_s - seen_s > SILENT_AFTER_S
    severity = worst(list(unresolved)) if unresolved else None
    if severity is not None:
        health = "critical" if severity in ("critical", "high") else "degraded"
    else:
        health = "silent" if is_silent else "ok"
    return {
        "service_name": service.service_name,
        "health": health,
        "state": "silent" if is_silent else "reporting",
        "severity": severity,
        "open_incidents": sum(unresolved.values()),
        "metric_types": sorted(service.kinds),
        "kinds": service.kinds,
        "series": newest.series if newest else 0,
        "rate_per_s": 0.0 if newest is None or is_silent else newest.count / 60,
        "last_seen": format_time(seen_s),
        "owner": card.owner,
        "links": card.links,
        "runbook_text": card.runbook_text,
        "version": card.version,
    }
