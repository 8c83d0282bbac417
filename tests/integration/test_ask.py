"""Questions about an incident over HTTP, and with a model that answers, lies or is away."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import orjson
import pytest

from schema.analysis import Analysis
from tests.client import Client, eventually
from tests.integration.analysis_world import newest, perform_all, story, world
from tests.llm_server import llm_server
from tests.stack import TestServers
from web.ask import answer

pytestmark = pytest.mark.integration


async def analysed(engineer: Client) -> str:
    """Id of a manual incident with its analysis."""
    body = {"title": "slow", "severity": "high", "service_name": f"asked-{uuid4().hex[:8]}"}
    made = await engineer.call("POST", "/api/incidents", json=body)
    path = f"/api/analysis/{made.body['id']}"

    async def done() -> bool:
        return (await engineer.call("GET", path)).status == 200

    await eventually(done, "the analysis")
    return str(made.body["id"])


async def test_a_question_is_answered_and_bad_ones_are_refused(engineer: Client) -> None:
    incident = await analysed(engineer)
    path = f"/api/analysis/{incident}/ask"
    told = await engineer.call("POST", path, json={"question": "Since when?"})
    assert told.status == 200, told
    assert told.body["source"] == "fallback"
    assert told.body["answer"]
    for body in ({}, {"question": ""}, {"question": "x" * 1001}, {"question": 1}, {"ask": "x"}):
        assert (await engineer.call("POST", path, json=body)).status == 422
    unknown = f"/api/analysis/{uuid4()}/ask"
    assert (await engineer.call("POST", unknown, json={"question": "why"})).status == 404


async def test_an_answer_comes_as_an_event_where_asked_for(engineer: Client) -> None:
    incident = await analysed(engineer)
    told = await engineer.call(
        "POST", f"/api/analysis/{incident}/ask", json={"question": "why"},
        headers={"Accept": "text/event-stream"},
    )  # fmt: skip
    assert told.headers["Content-Type"] == "text/event-stream"
    event = told.body[told.body.index("event: answer") :]
    assert orjson.loads(event.split("data: ", 1)[1])["source"] == "fallback"


def quoting(_: dict[str, Any], user: str) -> dict[str, Any]:
    """The first fact, and a claim about a service that is not in it."""
    facts = orjson.loads(user[user.index("{") : user.rindex("}") + 1])
    first, text = next(iter(facts["evidence"].items()))
    lie = {"text": "999999 users left", "evidence": [first]}
    return {"claims": [{"text": text, "evidence": [first]}, lie]}


def lying(_: dict[str, Any], user: str) -> dict[str, Any]:
    return {"claims": [{"text": "All is well.", "evidence": ["E1"]}]}


@pytest.mark.parametrize(("author", "source"), [(quoting, "llm"), (lying, "fallback")])
async def test_a_models_answer_is_what_holds_of_it(
    servers: TestServers, author: Any, source: str
) -> None:
    async with llm_server(author) as server, world(servers, server.url) as here:
        done = await _analysed_by_code(servers)
        told = await answer(here.llm, done, "asked", "What is wrong?")
    assert told["source"] == source
    assert "999999" not in told["answer"]
    assert "All is well" not in told["answer"]
    assert told["evidence"]
    assert len(server.requests) == 1
    assert server.refusals == []


async def test_without_the_model_the_evidence_answers(servers: TestServers) -> None:
    async with llm_server(quoting, [500] * 9) as server, world(servers, server.url) as here:
        done = await _analysed_by_code(servers)
        told = await answer(here.llm, done, "asked", "What is wrong?")
    assert told["source"] == "fallback"


async def test_questions_are_paid_from_the_same_budget(servers: TestServers) -> None:
    async with (
        llm_server(quoting) as server,
        world(servers, server.url, llm_tokens_per_incident=6000) as here,
    ):
        done = await _analysed_by_code(servers)
        told = [await answer(here.llm, done, "asked", "What is wrong?") for _ in range(8)]
        spent = (await here.calls.spent("", done.incident_id))["incident"].tokens
    sources = [one["source"] for one in told]
    assert sources == sorted(sources, reverse=True)
    assert {*sources} == {"llm", "fallback"}
    assert len(server.requests) == sources.count("llm")
    assert spent == 1200 * len(server.requests) <= 6000


async def _analysed_by_code(servers: TestServers) -> Analysis:
    async with world(servers) as plain:
        got = await story(plain)
        await plain.investigator.request(got.id)
        await perform_all(plain)
        return await newest(plain, got.id)
