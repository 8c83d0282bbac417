"""What a model says of an incident, on real servers: taken, checked, reused, paid for."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from msgspec import structs

from liveops.llm.budget import SPENT
from liveops.postgres.incidents import create_incident
from schema.analysis import Analysis
from schema.incidents import Incident
from tests.integration.analysis_world import (
    World,
    newest,
    perform_all,
    story,
    world,
)
from tests.llm_server import Fault, faithful, llm_server
from tests.stack import TestServers

pytestmark = pytest.mark.integration


async def analysed(here: World, got: Incident) -> Analysis:
    """Its analysis, completed."""
    await here.investigator.request(got.id)
    await perform_all(here)
    return await newest(here, got.id)


async def test_the_models_words_are_taken_and_paid_for(servers: TestServers) -> None:
    async with llm_server() as server, world(servers, server.url) as here:
        got = await story(here)
        await here.investigator.request(got.id)
        await perform_all(here)
        done = await newest(here, got.id)
    assert server.refusals == []
    assert (done.source, done.model, done.tokens) == ("llm", "gpt-4o", 1200)
    assert done.cost_usd > 0
    assert done.executive_summary.startswith("A part of the system is not healthy. [E")


async def test_a_lying_model_changes_nothing_but_the_confidence(servers: TestServers) -> None:
    def liar(schema: dict[str, Any], user: str) -> dict[str, Any]:
        reply = faithful(schema, user)
        claim = {"text": "disk sda7 holds 99999 files, see http://x", "evidence": ["E1"]}
        return reply | {"root_cause": claim, "technical": [claim], "executive": [claim]}

    async with llm_server(liar) as server, world(servers, server.url) as here:
        got = await story(here)
        pending = await here.investigator.request(got.id)
        await perform_all(here)
        done = await newest(here, got.id)
    assert done.root_cause_service == pending.root_cause_service
    assert done.confidence < pending.confidence
    assert "99999" not in done.technical_summary + done.executive_summary + done.root_cause


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ([500] * 9, "server is at fault"),
        (["hang"], "did not answer in time"),
        (["garbage"], "could not be used"),
        (["decline"], "declined to answer"),
        ([401], "refused the request"),
    ],
    ids=["broken", "hanging", "garbage", "declining", "refusing"],
)
async def test_without_a_usable_answer_the_fallback_says_why(
    servers: TestServers, faults: list[int | Fault], reason: str
) -> None:
    async with llm_server(statuses=faults) as server:
        server.retry_after = "0.01"
        async with world(servers, server.url, openai_timeout_s=1.0) as here:
            done = await analysed(here, await story(here))
    assert (done.status, done.source) == ("completed", "fallback")
    assert reason in done.source_reason
    assert done.root_cause_service
    assert done.technical_summary


async def test_a_model_that_is_down_leaves_the_fallback(servers: TestServers) -> None:
    async with world(servers, "http://127.0.0.1:1/v1") as here:
        done = await analysed(here, await story(here))
    assert (done.status, done.source) == ("completed", "fallback")
    assert "cannot be reached" in done.source_reason


@pytest.mark.parametrize("fault", ["stall", "break", "length"])
async def test_of_a_cut_answer_the_whole_claims_are_used(
    servers: TestServers, fault: Fault
) -> None:
    async with (
        llm_server(statuses=[fault]) as server,
        world(servers, server.url, openai_timeout_s=1.0) as here,
    ):
        done = await analysed(here, await story(here))
    assert (done.status, done.source) == ("completed", "llm")
    assert "was cut" in done.source_reason
    assert done.executive_summary.startswith("A part of the system is not healthy. [E")
    assert not any(action.startswith("Look at") for action in done.suggested_actions)
    assert done.suggested_actions  # of the code
    assert done.tokens > 0


async def test_a_spent_budget_is_told(servers: TestServers) -> None:
    async with (
        llm_server() as server,
        world(servers, server.url, llm_tokens_per_service=0) as here,
    ):
        done = await analysed(here, await story(here))
    assert (done.source, server.requests) == ("fallback", [])
    assert done.source_reason == SPENT["service"]


async def test_a_job_that_waited_too_long_is_done_by_the_code(servers: TestServers) -> None:
    async with llm_server() as server, world(servers, server.url) as here:
        got = await story(here)
        await here.investigator.request(got.id)
        async with here.database.connection() as con:
            waited = "requested_at = now() - interval '25 s'"
            await con.execute(f"UPDATE ai_analyses SET {waited} WHERE incident_id = $1", got.id)
        await perform_all(here)
        done = await newest(here, got.id)
    assert (done.status, done.source, server.requests) == ("completed", "fallback", [])
    assert "waited" in done.source_reason


async def test_a_model_is_not_asked_twice_about_the_same_signature(servers: TestServers) -> None:
    async with llm_server() as server, world(servers, server.url) as here:
        got = await story(here)
        twin = structs.replace(got, id=str(uuid4()))
        async with here.database.transaction() as con:
            await create_incident(con, twin, "test")
        for item in (got, twin):
            await here.investigator.request(item.id)
            await perform_all(here)
        done = await newest(here, twin.id)
    asked = [r for r in server.requests if got.service_name in r["messages"][1]["content"]]
    assert len(asked) == 1
    assert (done.source, done.cost_usd, done.incident_id) == ("llm", 0.0, twin.id)
    assert got.id in done.source_reason
    cited = set(re.findall(r"\[(E\d+)\]", done.technical_summary))
    assert cited <= {item.id for item in done.evidence}
