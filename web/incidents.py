"""`/api/incidents`: list, read, open by hand, change, comment, and follow live."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from aiohttp import web

from liveops.deps import Deps
from liveops.postgres import incidents as store
from liveops.postgres.incidents import IncidentFilter
from liveops.postgres.lifecycle import read_changes
from liveops.postgres.service_cards import read_cards
from liveops.redis.fanout import Fanout
from schema.incidents import SEVERITIES, STATUSES, Incident, fingerprint_of, public_incident
from schema.times import to_datetime
from web.bodies import read_model
from web.followed import route
from web.ids import id_of
from web.incident_context import (
    MAX_CHANGES,
    event_of_change,
    links_of,
    place_of_event,
    span_of_changes,
)
from web.incident_requests import FILTERS, LISTED, filter_of, patch_values
from web.models.incidents import (
    CommentBody,
    EventAnswer,
    EventPage,
    IncidentAnswer,
    IncidentBody,
    IncidentDetail,
    IncidentPage,
    IncidentPatch,
    IncidentSummary,
)
from web.paging import PAGE, encode_place, limit_of, page_of
from web.routing import Access, Route, json_response, list_response
from web.versions import etag, expected_version

#: Incidents a new listener is told at first.
SNAPSHOT = 50


def routes(deps: Deps) -> list[Route]:
    """All incident routes but the live one."""
    handlers = IncidentHandlers(deps)
    path, one = "/api/incidents", "/api/incidents/{id}"
    return [
        Route(
            "GET",
            path,
            handlers.listing,
            Access.READ,
            "Incidents, newest first",
            response_model=IncidentPage,
            query=LISTED,
        ),
        Route(
            "GET",
            path + "/summary",
            handlers.summary,
            Access.READ,
            "How many incidents there are, with the filters of the list",
            response_model=IncidentSummary,
            query=FILTERS,
        ),
        Route(
            "POST",
            path,
            handlers.create,
            Access.WRITE,
            "Open an incident by hand; it is analysed like the others",
            request_model=IncidentBody,
            response_model=IncidentAnswer,
            status=201,
        ),
        Route(
            "GET", one, handlers.read, Access.READ, "One incident", response_model=IncidentDetail
        ),
        Route(
            "PATCH",
            one,
            handlers.patch,
            Access.WRITE,
            "Change an incident; If-Match is honoured",
            request_model=IncidentPatch,
            response_model=IncidentAnswer,
        ),
        Route(
            "GET",
            one + "/timeline",
            handlers.timeline,
            Access.READ,
            "What happened to it",
            response_model=EventPage,
            query=PAGE,
        ),
        Route(
            "POST",
            one + "/comments",
            handlers.comment,
            Access.WRITE,
            "Add a remark to its timeline; If-Match is honoured",
            request_model=CommentBody,
            response_model=EventAnswer,
            status=201,
        ),
    ]


def live_route(deps: Deps, fanout: Fanout) -> Route:
    """The WebSocket; has to come before `/api/incidents/{id}` in the router."""

    async def snapshot() -> dict[str, Any]:
        found = await store.list_incidents(deps.database, IncidentFilter(), SNAPSHOT)
        return {"type": "snapshot", "incidents": [public_incident(item) for item in found]}

    return route("/api/incidents/live", "incidents", fanout, snapshot)


class IncidentHandlers:
    """The handlers."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def listing(self, request: web.Request) -> web.StreamResponse:
        """GET /api/incidents."""
        limit = limit_of(request)
        found = await store.list_incidents(self._deps.database, filter_of(request), limit + 1)
        page, more = found[:limit], len(found) > limit
        cursor = encode_place(page[-1].detected_at_s, page[-1].id) if more else None
        return await list_response(page, public_incident, next_cursor=cursor)

    async def summary(self, request: web.Request) -> web.StreamResponse:
        """GET /api/incidents/summary."""
        by_status: dict[str, int] = dict.fromkeys(STATUSES, 0)
        by_severity: dict[str, int] = dict.fromkeys(SEVERITIES, 0)
        counts = await store.count_incidents(self._deps.database, filter_of(request))
        for status, severity, count in counts:
            by_status[status] += count
            by_severity[severity] += count
        total = sum(by_status.values())
        return json_response({"total": total, "by_status": by_status, "by_severity": by_severity})

    async def read(self, request: web.Request) -> web.StreamResponse:
        """GET /api/incidents/{id}."""
        incident = await store.fetch_incident(self._deps.database, id_of(request))
        cards = await read_cards(self._deps.database, [incident.service_name])
        links = links_of(incident, cards[incident.service_name], self._deps.clock.now_s())
        return json_response(
            public_incident(incident) | {"links": links}, headers=etag(incident.version)
        )

    async def create(self, request: web.Request) -> web.StreamResponse:
        """POST /api/incidents."""
        body = await read_model(request, IncidentBody)
        incident = Incident(
            id=str(uuid4()),
            title=body.title,
            description=body.description,
            severity=body.severity,
            status="open",
            service_name=body.service_name,
            affected_services=list(dict.fromkeys([body.service_name, *body.affected_services])),
            # In whole microseconds, so that the answer names the time that is stored.
            detected_at_s=to_datetime(self._deps.clock.now_s()).timestamp(),
            assignee=body.assignee,
            source="manual",
            fingerprint=fingerprint_of(body.service_name, ["manual"]),
        )
        async with self._deps.database.transaction() as con:
            await store.create_incident(con, incident, request["principal"].subject)
        return _answer(incident, 201, {"Location": f"/api/incidents/{incident.id}"})

    async def patch(self, request: web.Request) -> web.StreamResponse:
        """PATCH /api/incidents/{id}."""
        body = await read_model(request, IncidentPatch)
        values = patch_values(body)
        async with self._deps.database.transaction() as con:
            incident = await store.change_incident(
                con,
                id_of(request),
                request["principal"].subject,
                self._deps.clock.now_s(),
                lambda _: values,
                expected_version=expected_version(request),
            )
        return _answer(incident)

    async def timeline(self, request: web.Request) -> web.StreamResponse:
        """GET /api/incidents/{id}/timeline."""
        database, now_s = self._deps.database, self._deps.clock.now_s()
        incident = await store.fetch_incident(database, id_of(request))
        events = await store.timeline(database, incident.id)
        from_s, to_s = span_of_changes(incident, now_s)
        services = [incident.service_name, *incident.affected_services]
        changes = await read_changes(database, services, from_s, to_s, MAX_CHANGES)
        events += [event_of_change(change) for change in changes]
        page, cursor = page_of(request, events, place_of_event)
        return json_response({"items": page, "next_cursor": cursor})

    async def comment(self, request: web.Request) -> web.StreamResponse:
        """POST /api/incidents/{id}/comments."""
        body = await read_model(request, CommentBody)
        incident_id, actor = id_of(request), request["principal"].subject
        async with self._deps.database.transaction() as con:
            expected = expected_version(request)
            event = await store.comment(con, incident_id, actor, body.text, expected)
        return json_response(event, 201)


def _answer(
    incident: Incident, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    return json_response(
        public_incident(incident), status, etag(incident.version) | (headers or {})
    )
