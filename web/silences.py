"""`/api/silences`: what is muted, by whom and until when."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import msgspec
from aiohttp import web

from liveops.deps import Deps
from liveops.detection.silence_preview import Muted, muted_of, tried
from liveops.detection.silencing import Muting
from liveops.errors import InvalidInput, Issue
from liveops.postgres.incidents import fetch_incident
from liveops.postgres.silences import (
    add_silence,
    current_silences,
    delete_silence,
    recent_incidents,
    silence_incident,
)
from schema.incidents import Incident
from schema.rules import Silence
from schema.times import format_time
from web.bodies import read_model
from web.ids import id_of
from web.models.config import (
    IncidentSilenceBody,
    PreviewAnswer,
    SilenceAnswer,
    SilenceBody,
    SilencePage,
)
from web.paging import PAGE, page_of
from web.routing import Access, Route, json_response

#: How far a preview looks back, and how many incidents it names.
_PREVIEW_S = 7 * 86_400.0
_NAMED = 50


def routes(deps: Deps) -> list[Route]:
    """List, create and end silences."""

    async def listing(request: web.Request) -> web.StreamResponse:
        silences = await current_silences(deps.database)
        page, cursor = page_of(request, silences, lambda item: [item.ends_at, item.id])
        return json_response({"items": msgspec.to_builtins(page), "next_cursor": cursor})

    async def create(request: web.Request) -> web.StreamResponse:
        body = await read_model(request, SilenceBody)
        silence = _silence(body, request["principal"].subject, deps.clock.now_s())
        await add_silence(deps.database, silence)
        headers = {"Location": f"/api/silences/{silence.id}"}
        return json_response(msgspec.to_builtins(silence), 201, headers)

    async def preview(request: web.Request) -> web.StreamResponse:
        body, now_s = await read_model(request, SilenceBody), deps.clock.now_s()
        silence = _silence(body, request["principal"].subject, now_s)
        try:
            muting = tried(silence, now_s - _PREVIEW_S, now_s)
        except ValueError:
            return json_response({"detections": 0, "incidents": 0, "items": []})
        past = await recent_incidents(deps.database, now_s - _PREVIEW_S)
        return json_response(_previewed(muted_of(muting, past)))

    async def of_incident(request: web.Request) -> web.StreamResponse:
        body, now_s = await read_model(request, IncidentSilenceBody), deps.clock.now_s()
        incident = await fetch_incident(deps.database, id_of(request))
        user = request["principal"].subject
        silence = silence_of(incident, body.duration_s, body.reason, user, now_s)
        await silence_incident(deps.database, silence, incident.id)
        headers = {"Location": f"/api/silences/{silence.id}"}
        return json_response(msgspec.to_builtins(silence), 201, headers)

    async def delete(request: web.Request) -> web.StreamResponse:
        await delete_silence(deps.database, id_of(request))
        return web.Response(status=204)

    return [
        Route(
            "GET",
            "/api/silences",
            listing,
            Access.READ,
            "Silences that have not ended",
            response_model=SilencePage,
            query=PAGE,
        ),
        Route(
            "POST",
            "/api/silences",
            create,
            Access.WRITE,
            "Mute matching detections for a time",
            request_model=SilenceBody,
            response_model=SilenceAnswer,
            status=201,
        ),
        Route(
            "POST",
            "/api/silences/preview",
            preview,
            Access.WRITE,
            "What a silence would have muted in the last week",
            request_model=SilenceBody,
            response_model=PreviewAnswer,
        ),
        Route(
            "POST",
            "/api/incidents/{id}/silence",
            of_incident,
            Access.WRITE,
            "Mute what an incident is about",
            request_model=IncidentSilenceBody,
            response_model=SilenceAnswer,
            status=201,
        ),
        Route("DELETE", "/api/silences/{id}", delete, Access.WRITE, "End a silence", status=204),
    ]


def _silence(body: SilenceBody, user: str, now_s: float) -> Silence:
    starts_s = body.starts_at.timestamp() if body.starts_at else now_s
    ends_s = body.ends_at.timestamp()
    if ends_s <= max(starts_s, now_s):
        why = "must be after starts_at and in the future"
        raise InvalidInput(f"ends_at {why}", [Issue(["ends_at"], why)])
    silence = Silence(
        id=str(uuid4()),
        service=body.service,
        metric=body.metric,
        severity=body.severity,
        starts_at=format_time(starts_s),
        ends_at=format_time(ends_s),
        reason=body.reason,
        created_by=user,
        tags=body.tags,
        rrule=body.rrule,
        duration_s=body.duration_s,
        zone=(body.zone or "UTC") if body.rrule else None,
    )
    try:
        Muting(silence)
    except ValueError as error:
        raise InvalidInput(str(error), [Issue(["rrule"], str(error))]) from None
    return silence


def silence_of(
    incident: Incident, duration_s: float, reason: str, user: str, now_s: float
) -> Silence:
    """A silence for the incident's service, and for its metric where there is only one."""
    own = {
        one.metric_type for one in incident.detections if one.service_name == incident.service_name
    }
    return Silence(
        id=str(uuid4()),
        service=incident.service_name,
        metric=own.pop() if len(own) == 1 else "*",
        starts_at=format_time(now_s),
        ends_at=format_time(now_s + duration_s),
        reason=reason or incident.title,
        created_by=user,
    )


def _previewed(found: list[Muted]) -> dict[str, Any]:
    return {
        "detections": sum(one.muted for one in found),
        "incidents": sum(one.whole for one in found),
        "items": [
            {"id": one.past.id, "title": one.past.title, "muted": one.muted,
             "detections": len(one.past.detections)}
            for one in found[:_NAMED]
        ],
    }  # fmt: skip
