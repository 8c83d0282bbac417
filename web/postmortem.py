"""`GET /api/analysis/{incidentId}/postmortem`: the draft of a post-mortem as Markdown."""

from __future__ import annotations

from aiohttp import web

from liveops.deps import Deps
from liveops.postgres import analyses
from liveops.postgres.incidents import fetch_incident, timeline
from liveops.rca.postmortem import draft
from web.ids import id_of
from web.routing import Access, Route

_MARKDOWN = "text/markdown"


def routes(deps: Deps) -> list[Route]:
    """The one route."""

    async def get(request: web.Request) -> web.StreamResponse:
        incident_id = id_of(request, "incidentId")
        incident = await fetch_incident(deps.database, incident_id)
        events = await timeline(deps.database, incident_id)
        async with deps.database.connection() as con:
            analysis = await analyses.newest(con, incident_id)
        return web.Response(text=draft(incident, events, analysis), content_type=_MARKDOWN)

    return [
        Route("GET", "/api/analysis/{incidentId}/postmortem", get, Access.READ,
              "Draft of a post-mortem in Markdown: impact, timeline, cause, evidence, actions",
              answer_types=(_MARKDOWN,)),
    ]  # fmt: skip
