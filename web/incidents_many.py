"""Incidents taken together: changed in bulk, counted, compared."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from asyncpg.exceptions import DeadlockDetectedError

from liveops.deps import Deps
from liveops.errors import LiveOpsError, Unavailable
from liveops.postgres.incidents import change_incidents
from liveops.postgres.lifecycle import read_similar, read_stats
from web.bodies import read_model
from web.ids import id_of
from web.models.lifecycle import BulkAnswer, BulkBody, SimilarPage, StatsAnswer
from web.problems import problem_of
from web.query_params import span_of
from web.routing import Access, Query, Route, json_response

#: Statistics reach back so far unless `from` is given.
_STATS_S = 90 * 86_400.0
#: The correlator may hold two of the same incidents in another order.
_TRIES = 3


def routes(deps: Deps) -> list[Route]:
    """Their paths come before `/api/incidents/{id}` in the router."""

    async def bulk(request: web.Request) -> web.StreamResponse:
        body = await read_model(request, BulkBody)
        changed, failed = await _change(deps, body, request["principal"].subject)
        told = [
            {"id": one, "status": problem_of(why).status, "detail": str(why)}
            for one, why in failed.items()
        ]
        return json_response({"changed": changed, "failed": told})

    async def stats(request: web.Request) -> web.StreamResponse:
        from_s, to_s = span_of(request, deps.clock.now_s(), _STATS_S)
        return json_response(await read_stats(deps.database, from_s, to_s))

    async def similar(request: web.Request) -> web.StreamResponse:
        items = await read_similar(deps.database, id_of(request))
        return json_response({"items": items, "next_cursor": None})

    return [
        Route("POST", "/api/incidents/bulk", bulk, Access.WRITE,
              "Set the same status or assignee on up to 500 incidents",
              request_model=BulkBody, response_model=BulkAnswer),
        Route("GET", "/api/incidents/stats", stats, Access.READ,
              "Counts, times to acknowledge and resolve, false alarms; by week and service",
              response_model=StatsAnswer,
              query=(Query("from", "Detected at or after, RFC 3339; default 90 days ago"),
                     Query("to", "Detected before, RFC 3339"))),
        Route("GET", "/api/incidents/{id}/similar", similar, Access.READ,
              "Earlier incidents with metrics in common, and what came of them",
              response_model=SimilarPage),
    ]  # fmt: skip


async def _change(
    deps: Deps, body: BulkBody, actor: str
) -> tuple[list[str], dict[str, LiveOpsError]]:
    ids = list(dict.fromkeys(map(str, body.ids)))
    named = body.model_fields_set & {"status", "assignee"}
    values: dict[str, Any] = {name: getattr(body, name) for name in named}
    versions = {str(one): version for one, version in body.versions.items()}
    for _ in range(_TRIES):
        try:
            async with deps.database.transaction() as con:
                now_s = deps.clock.now_s()
                return await change_incidents(con, ids, actor, now_s, values, versions)
        except DeadlockDetectedError:
            continue
    raise Unavailable("postgres", "the incidents are being changed by others")
