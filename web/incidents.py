"""`/api/incidents`: list, read, open by hand, change, comment, and follow live."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

from aiohttp import web

from liveops.errors import InvalidInput, Issue
from liveops.postgres import incidents as store
from liveops.postgres.incidents import IncidentFilter
from liveops.redis.fanout import Fanout
from liveops.services.deps import Deps
from schema.incidents import SEVERITIES, STATUSES, Incident, public_incident, signature
from web.bodies import read_model
from web.followed import route
from web.ids import id_of
from web.models.incidents import CommentBody, IncidentBody, IncidentPatch
from web.paging import PAGE, bad_cursor, decode_cursor, encode_cursor, limit_of, page_of
from web.problems import Problem
from web.routing import Access, Query, Route, json_response
from web.spans import FAR_FUTURE_S, invalid, service_of, time_of

#: Incidents a new listener is told at first.
SNAPSHOT = 50
_ETAG = re.compile(r'"(\d{1,9})"')
#: Fields of a PATCH that null clears; null elsewhere is invalid.
_CLEARABLE = frozenset({"assignee"})


def routes(deps: Deps) -> list[Route]:
    """All incident routes but the live one."""
    calls = IncidentCalls(deps)
    path, one = "/api/incidents", "/api/incidents/{id}"
    filters = tuple(
        Query(name, text)
        for name, text in (
            ("status", "open, acknowledged or resolved"),
            ("severity", "critical, high, medium or low"),
            ("service", "Main or affected service"),
            ("from", "Detected at or after, RFC 3339"),
            ("to", "Detected before, RFC 3339"),
            ("q", "Text in title or description"),
        )
    )
    return [
        Route(
            "GET", path, calls.listing, Access.READ, "Incidents, newest first", query=filters + PAGE
        ),
        Route(
            "POST",
            path,
            calls.create,
            Access.WRITE,
            "Open an incident by hand; it is analysed like the others",
            request_model=IncidentBody,
            status=201,
        ),
        Route("GET", one, calls.read, Access.READ, "One incident"),
        Route(
            "PATCH",
            one,
            calls.patch,
            Access.WRITE,
            "Change an incident; If-Match is honoured",
            request_model=IncidentPatch,
        ),
        Route(
            "GET",
            one + "/timeline",
            calls.timeline,
            Access.READ,
            "What happened to it",
            query=PAGE,
        ),
        Route(
            "POST",
            one + "/comments",
            calls.comment,
            Access.WRITE,
            "Add a remark to its timeline",
            request_model=CommentBody,
            status=201,
        ),
    ]


def live_route(deps: Deps, fanout: Fanout) -> Route:
    """The WebSocket; has to come before `/api/incidents/{id}` in the router."""

    async def snapshot() -> dict[str, Any]:
        found = await store.list_incidents(deps.database, IncidentFilter(), SNAPSHOT)
        return {"type": "snapshot", "incidents": [public_incident(item) for item in found]}

    return route("/api/incidents/live", "incidents", fanout, snapshot)


class IncidentCalls:
    """The handlers."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def listing(self, request: web.Request) -> web.StreamResponse:
        """GET /api/incidents."""
        limit = limit_of(request)
        found = await store.list_incidents(self._deps.database, _filter(request), limit + 1)
        page, more = found[:limit], len(found) > limit
        cursor = encode_cursor([repr(page[-1].detected_at_s), page[-1].id]) if more else None
        return json_response(
            {"items": [public_incident(item) for item in page], "next_cursor": cursor}
        )

    async def read(self, request: web.Request) -> web.StreamResponse:
        """GET /api/incidents/{id}."""
        return _answer(await store.fetch_incident(self._deps.database, id_of(request)))

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
            detected_at_s=self._deps.clock.now_s(),
            assignee=body.assignee,
            source="manual",
            fingerprint=signature(body.service_name, ["manual"]),
        )
        async with self._deps.database.transaction() as con:
            await store.create_incident(con, incident, request["principal"].subject)
        return _answer(incident, 201, {"Location": f"/api/incidents/{incident.id}"})

    async def patch(self, request: web.Request) -> web.StreamResponse:
        """PATCH /api/incidents/{id}."""
        body = await read_model(request, IncidentPatch)
        values = _patch_values(body)
        async with self._deps.database.transaction() as con:
            incident = await store.change_incident(
                con,
                id_of(request),
                request["principal"].subject,
                self._deps.clock.now_s(),
                lambda _: values,
                expected_version=_expected_version(request),
            )
        return _answer(incident)

    async def timeline(self, request: web.Request) -> web.StreamResponse:
        """GET /api/incidents/{id}/timeline."""
        events = await store.timeline(self._deps.database, id_of(request))
        # Ids grow with time; padded, they sort as text.
        page, cursor = page_of(request, events, lambda event: [event["id"].rjust(20)])
        return json_response({"items": page, "next_cursor": cursor})

    async def comment(self, request: web.Request) -> web.StreamResponse:
        """POST /api/incidents/{id}/comments."""
        body = await read_model(request, CommentBody)
        incident_id = id_of(request)
        await store.fetch_incident(self._deps.database, incident_id)
        actor = request["principal"].subject
        async with self._deps.database.transaction() as con:
            event = await store.add_event(con, incident_id, "comment", actor, {"text": body.text})
        return json_response(event, 201)


def _answer(
    incident: Incident, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    etag = {"ETag": f'"{incident.version}"'}
    return json_response(public_incident(incident), status, etag | (headers or {}))


def _patch_values(body: IncidentPatch) -> dict[str, Any]:
    values = {name: getattr(body, name) for name in body.model_fields_set}
    for name, value in values.items():
        if value is None and name not in _CLEARABLE:
            raise InvalidInput(f"{name} is null", [Issue([name], "must not be null")])
    if "affected_services" in values:
        values["affected_services"] = list(dict.fromkeys(values["affected_services"]))
    return values


def _expected_version(request: web.Request) -> int | None:
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    found = _ETAG.fullmatch(header.strip())
    if not found:
        raise Problem(412, "If-Match is no version of this incident")
    return int(found.group(1))


def _filter(request: web.Request) -> IncidentFilter:
    status, severity = request.query.get("status"), request.query.get("severity")
    if status is not None and status not in STATUSES:
        raise invalid("status", f"one of {', '.join(STATUSES)}")
    if severity is not None and severity not in SEVERITIES:
        raise invalid("severity", f"one of {', '.join(SEVERITIES)}")
    text = request.query.get("q")
    if text is not None and ("\x00" in text or len(text) > 200):
        raise invalid("q", "at most 200 characters, no NUL")
    return IncidentFilter(
        status,
        severity,
        service_of(request, needed=False),
        time_of(request, "from", 0.0) if "from" in request.query else None,
        time_of(request, "to", 0.0) if "to" in request.query else None,
        text,
        _before(request),
    )


def _before(request: web.Request) -> tuple[float, str] | None:
    parts = decode_cursor(request)
    if parts is None:
        return None
    try:
        text, identity = parts
        time_s, known = float(text), str(UUID(identity))
    except ValueError:
        raise bad_cursor() from None
    if not 0 <= time_s < FAR_FUTURE_S:
        raise bad_cursor()
    return time_s, known
