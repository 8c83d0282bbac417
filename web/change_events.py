"""`/api/events`: deploys and other changes of services, as others tell of them."""

from __future__ import annotations

from uuid import uuid4

from aiohttp import web

from liveops.deps import Deps
from liveops.errors import InvalidInput, Issue
from liveops.postgres.lifecycle import add_change, read_changes
from schema.feedback import ChangeEvent, public_change
from web.bodies import read_model
from web.ingest import may_write
from web.models.lifecycle import ChangeAnswer, ChangeBody, ChangePage
from web.paging import PAGE, decode_place, encode_place, limit_of
from web.query_params import services_of, span_of
from web.routing import Access, Query, Route, json_response, list_response

#: Changes of so long are listed unless `from` is given.
_SPAN_S = 7 * 86_400.0


def routes(deps: Deps) -> list[Route]:
    """Tell of a change, list changes."""

    async def create(request: web.Request) -> web.StreamResponse:
        body = await read_model(request, ChangeBody)
        principal = request["principal"]
        if not may_write(principal, body.service_name):
            why = "this token may not write for it"
            raise InvalidInput(f"service_name: {why}", [Issue(["service_name"], why)])
        event = ChangeEvent(
            id=str(uuid4()),
            service_name=body.service_name,
            kind=body.kind,
            title=body.title,
            at_s=body.at.timestamp() if body.at else deps.clock.now_s(),
            url=body.url,
            tags=body.tags,
            created_by=principal.subject,
        )
        await add_change(deps.database, event)
        return json_response(public_change(event), 201)

    async def listing(request: web.Request) -> web.StreamResponse:
        limit = limit_of(request)
        from_s, to_s = span_of(request, deps.clock.now_s(), _SPAN_S)
        services = list(services_of(request, needed=False)) or None
        place = decode_place(request)
        found = await read_changes(deps.database, services, from_s, to_s, limit + 1, place)
        page, more = found[:limit], len(found) > limit
        cursor = encode_place(page[-1].at_s, page[-1].id) if more else None
        return await list_response(page, public_change, next_cursor=cursor)

    return [
        Route("POST", "/api/events", create, Access.INGEST,
              "Tell of a deploy or another change of a service",
              request_model=ChangeBody, response_model=ChangeAnswer, status=201),
        Route("GET", "/api/events", listing, Access.READ, "Changes of services, newest first",
              response_model=ChangePage,
              query=(Query("service", "Only of this service; up to 100", repeated=True),
                     Query("from", "At or after, RFC 3339; default 7 days ago"),
                     Query("to", "Before, RFC 3339"), *PAGE)),
    ]  # fmt: skip
