"""`/api/silences`: what is muted, by whom and until when."""

from __future__ import annotations

from uuid import uuid4

import msgspec
from aiohttp import web

from liveops.deps import Deps
from liveops.errors import InvalidInput, Issue
from liveops.postgres.silences import add_silence, current_silences, delete_silence
from schema.rules import Silence
from schema.times import format_time
from web.bodies import read_model
from web.ids import id_of
from web.models.config import SilenceAnswer, SilenceBody, SilencePage
from web.paging import PAGE, page_of
from web.routing import Access, Route, json_response


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
        Route("DELETE", "/api/silences/{id}", delete, Access.WRITE, "End a silence", status=204),
    ]


def _silence(body: SilenceBody, user: str, now_s: float) -> Silence:
    starts_s = body.starts_at.timestamp() if body.starts_at else now_s
    ends_s = body.ends_at.timestamp()
    if ends_s <= max(starts_s, now_s):
        why = "must be after starts_at and in the future"
        raise InvalidInput(f"ends_at {why}", [Issue(["ends_at"], why)])
    return Silence(
        id=str(uuid4()),
        service=body.service,
        metric=body.metric,
        severity=body.severity,
        starts_at=format_time(starts_s),
        ends_at=format_time(ends_s),
        reason=body.reason,
        created_by=user,
    )
