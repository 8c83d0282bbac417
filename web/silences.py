"""`/api/silences`: what is muted, by whom and until when."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from liveops.deps import Deps
from liveops.detection.silence_preview import Muted, muted_of, tried
from liveops.postgres.incidents import fetch_incident
from liveops.postgres.silences import (
    add_silence,
    current_silences,
    delete_silence,
    recent_incidents,
    replace_silence,
    silence_incident,
)
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
from web.silence_requests import shown, silence_from, silence_of

#: How far a preview looks back, and how many incidents it names.
_PREVIEW_S = 7 * 86_400.0
_NAMED = 50


def routes(deps: Deps) -> list[Route]:
    """List, create, change and end silences."""

    async def listing(request: web.Request) -> web.StreamResponse:
        silences = await current_silences(deps.database)
        page, cursor = page_of(request, silences, lambda item: [item.ends_at, item.id])
        now_s = deps.clock.now_s()
        return json_response({"items": [shown(one, now_s) for one in page], "next_cursor": cursor})

    async def create(request: web.Request) -> web.StreamResponse:
        body, now_s = await read_model(request, SilenceBody), deps.clock.now_s()
        silence = silence_from(body, request["principal"].subject, now_s)
        await add_silence(deps.database, silence)
        headers = {"Location": f"/api/silences/{silence.id}"}
        return json_response(shown(silence, now_s), 201, headers)

    async def change(request: web.Request) -> web.StreamResponse:
        body, now_s = await read_model(request, SilenceBody), deps.clock.now_s()
        user, silence_id = request["principal"].subject, id_of(request)
        silence = silence_from(body, user, now_s, silence_id)
        await replace_silence(deps.database, silence, now_s)
        return json_response(shown(silence, now_s))

    async def preview(request: web.Request) -> web.StreamResponse:
        body, now_s = await read_model(request, SilenceBody), deps.clock.now_s()
        silence = silence_from(body, request["principal"].subject, now_s)
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
        return json_response(shown(silence, now_s), 201, headers)

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
        Route(
            "PUT",
            "/api/silences/{id}",
            change,
            Access.WRITE,
            "Another silence in the place of one; it may go on from another time",
            request_model=SilenceBody,
            response_model=SilenceAnswer,
        ),
        Route("DELETE", "/api/silences/{id}", delete, Access.WRITE, "End a silence", status=204),
    ]


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
