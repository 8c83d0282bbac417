"""`POST /api/analysis/{incidentId}/ask`: questions about an analysed incident."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import web

from liveops.deps import Deps
from liveops.errors import NotFound, Unavailable
from liveops.llm.budget import About
from liveops.llm.client import LlmClient
from liveops.postgres import analyses
from liveops.postgres.incidents import fetch_incident
from liveops.rca import questions
from liveops.rca.evidence import services_of
from schema.analysis import Analysis
from web.bodies import read_model
from web.ids import id_of
from web.models.analysis import AnswerBody, AskBody
from web.routing import Access, Route, json_response

_EVENTS = "text/event-stream"
#: A comment this often keeps proxies from closing a stream that waits.
_STILL_S = 5.0


def routes(deps: Deps, llm: LlmClient | None) -> list[Route]:
    """The one route; without a model the evidence itself answers."""

    async def ask(request: web.Request) -> web.StreamResponse:
        body = await read_model(request, AskBody)
        incident_id = id_of(request, "incidentId")
        analysis = await _newest(deps, incident_id)
        service = (await fetch_incident(deps.database, incident_id)).service_name
        answering = asyncio.ensure_future(answer(llm, analysis, service, body.question))
        try:
            if _EVENTS in request.headers.get("Accept", ""):
                return await _stream(request, answering)
            return json_response(await answering)
        finally:
            answering.cancel()

    return [
        Route("POST", "/api/analysis/{incidentId}/ask", ask, Access.WRITE,
              "Ask about an analysed incident; each sentence is checked against its evidence. "
              "With `Accept: text/event-stream` the answer comes as the event `answer`",
              request_model=AskBody, response_model=AnswerBody, answer_types=(_EVENTS,)),
    ]  # fmt: skip


async def _newest(deps: Deps, incident_id: str) -> Analysis:
    async with deps.database.connection() as con:
        analysis = await analyses.newest(con, incident_id)
    if analysis is None:
        raise NotFound(f"no analysis of incident {incident_id}")
    return analysis


async def answer(
    llm: LlmClient | None, analysis: Analysis, service: str, question: str
) -> dict[str, Any]:
    """The answer's JSON form; a model that is away or says nothing that holds is passed over."""
    reply = None
    if llm is not None and analysis.evidence:
        try:
            about = About(analysis.incident_id, service, "question")
            prompt = questions.build(analysis, question, masking=llm.masking)
            claims = (await llm.ask_question(prompt, about)).read
            reply = questions.checked(claims, analysis, _services(analysis))
        except Unavailable:
            reply = None
    source = "fallback" if reply is None else "llm"
    reply = reply or questions.plain(analysis, question)
    return {"answer": reply.answer, "evidence": reply.evidence, "source": source}


def _services(analysis: Analysis) -> set[str]:
    named = {service for item in analysis.evidence for service in services_of(item)}
    return named | {*analysis.impacted_services, *(r.service_name for r in analysis.ranking)}


async def _stream(
    request: web.Request, answering: asyncio.Future[dict[str, Any]]
) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={"Content-Type": _EVENTS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    await response.prepare(request)
    while not answering.done():
        await response.write(b": still looking\n\n")
        await asyncio.wait([answering], timeout=_STILL_S)
    await response.write(b"event: answer\ndata: " + orjson.dumps(answering.result()) + b"\n\n")
    await response.write_eof()
    return response
