"""Analyses over HTTP: read one, ask for one, follow them live."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import orjson
from aiohttp.web import Request, StreamResponse

from agents.analysis.investigate import Investigator
from agents.analysis.jobs import AnalysisJobs, announce
from liveops.deps import Deps
from liveops.errors import NotFound, Unavailable
from liveops.postgres import analyses
from liveops.postgres.lifecycle import add_feedback
from liveops.redis import keys
from liveops.redis.fanout import Fanout
from schema.analysis import public_analysis
from schema.feedback import Feedback, public_feedback
from web import followed
from web.bodies import read_model
from web.ids import id_of
from web.models.analysis import AnalysisBody, GenerateBody
from web.models.lifecycle import FeedbackAnswer, FeedbackBody
from web.routing import Access, Route, json_response

SNAPSHOT = 20


def routes(
    deps: Deps, investigator: Investigator, jobs: AnalysisJobs, fanout: Fanout
) -> list[Route]:
    """The analysis routes; `fanout` follows the channel the jobs publish on."""

    async def get(request: Request) -> StreamResponse:
        return await _get(deps, request)

    async def generate(request: Request) -> StreamResponse:
        body = await read_model(request, GenerateBody)
        analysis = await investigator.request(str(body.incident_id), force=body.force)
        if analysis.status == "pending":
            jobs.wake()
            await announce(deps.cache, analysis)
        return json_response(public_analysis(analysis), status=202)

    async def feedback(request: Request) -> StreamResponse:
        answer = await _feedback(deps, request)
        investigator.verdicts.forget()
        return answer

    async def snapshot() -> dict[str, Any]:
        found = await analyses.recent(deps.database, SNAPSHOT)
        return {"type": "snapshot", "analyses": [public_analysis(analysis) for analysis in found]}

    return [
        followed.route("/api/analysis/live", "analysis", fanout, snapshot),
        Route("GET", "/api/analysis/{incidentId}", get, Access.READ,
              "Newest analysis of an incident; 202 with the ranking while it is pending",
              response_model=AnalysisBody),
        Route("POST", "/api/analysis/generate", generate, Access.WRITE,
              "Ask for an analysis; `force` makes a new one",
              request_model=GenerateBody, response_model=AnalysisBody, status=202),
        Route("POST", "/api/analysis/{incidentId}/feedback", feedback, Access.WRITE,
              "Say whether the analysis was right; `not_an_incident` also resolves the incident",
              request_model=FeedbackBody, response_model=FeedbackAnswer, status=201),
    ]  # fmt: skip


async def _get(deps: Deps, request: Request) -> StreamResponse:
    incident_id = id_of(request, "incidentId")
    try:
        async with deps.database.connection() as con:
            analysis = await analyses.newest(con, incident_id)
    except Unavailable:
        return await _cached(deps, incident_id)
    if analysis is None:
        raise NotFound(f"no analysis of incident {incident_id}")
    return json_response(
        public_analysis(analysis), status=202 if analysis.status == "pending" else 200
    )


async def _feedback(deps: Deps, request: Request) -> StreamResponse:
    body = await read_model(request, FeedbackBody)
    given = Feedback(
        id=str(uuid4()),
        incident_id=id_of(request, "incidentId"),
        analysis_id=None,
        verdict=body.verdict,
        true_cause=body.true_cause,
        comment=body.comment,
        created_by=request["principal"].subject,
        created_at_s=deps.clock.now_s(),
    )
    return json_response(public_feedback(await add_feedback(deps.database, given)), status=201)


async def _cached(deps: Deps, incident_id: str) -> StreamResponse:
    """With PostgreSQL away the Redis copy must do; raises Unavailable without one."""
    async with deps.cache.guard() as client:
        text = await client.get(keys.analysis(incident_id))
    if text is None:
        raise Unavailable("postgres")
    public: dict[str, Any] = orjson.loads(text) | {"degraded": ["postgres"]}
    return json_response(public, status=202 if public["status"] == "pending" else 200)
