"""`/api/incidents/{id}/split` and `/undo`: what the correlator has grouped wrongly."""

from __future__ import annotations

from aiohttp import web

from agents.incidents.detect import DETECTIONS_KEY
from liveops.deps import Deps
from liveops.kafka.partitioning import partition_of
from liveops.postgres.parting import split_incident, undo_parting
from schema.incidents import public_incident
from web.bodies import read_model
from web.ids import id_of
from web.models.incidents import IncidentAnswer, SplitBody
from web.routing import Access, Route, json_response
from web.versions import etag


def routes(deps: Deps) -> list[Route]:
    """Split an incident; undo a split or a merge."""
    partition = partition_of(DETECTIONS_KEY, deps.settings.partitions)

    async def split(request: web.Request) -> web.StreamResponse:
        body = await read_model(request, SplitBody)
        made = await split_incident(
            deps.database, partition, id_of(request), body.services,
            request["principal"].subject, deps.clock.now_s(),
        )  # fmt: skip
        headers = etag(made.version) | {"Location": f"/api/incidents/{made.id}"}
        return json_response(public_incident(made), 201, headers)

    async def undo(request: web.Request) -> web.StreamResponse:
        found = await undo_parting(
            deps.database, partition, id_of(request),
            request["principal"].subject, deps.clock.now_s(),
        )  # fmt: skip
        return json_response(public_incident(found), headers=etag(found.version))

    return [
        Route("POST", "/api/incidents/{id}/split", split, Access.WRITE,
              "Take services out of an incident into one of their own, which stays apart",
              request_model=SplitBody, response_model=IncidentAnswer, status=201),
        Route("POST", "/api/incidents/{id}/undo", undo, Access.WRITE,
              "Put an incident that was split off back, or take one that was merged out again",
              response_model=IncidentAnswer),
    ]  # fmt: skip
