"""What a model says of an incident, on real servers: taken, checked, reused, paid for."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from msgspec import structs

from liveops.llm.budget import SPENT
from liveops.postgres.incidents import comment, create_incident
from liveops.postgres.lifecycle import add_feedback
from liveops.postgres.service_cards import change_card
from schema.analysis import Analysis
from schema.feedback import Feedback
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
    assert "is not healthy [E" in done.executive_summary
    (action,) = done.actions
    assert (action.kind, action.risk, action.reversible) == ("latency", "low", True)
    assert done.suggested_actions == [f"{action.text} [{action.evidence[0]}]."]


async def test_both_texts_have_their_frame_also_around_a_models_words(
    servers: TestServers,
) -> None:
    async with llm_server() as server, world(servers, server.url) as here:
        done = await analysed(here, await story(here))
    assert done.executive_summary.startswith("Since 20")
    for words in ("2 services are affected [E", "nobody is assigned [E", "It is too early"):
        assert words in done.executive_summary
    assert "In order of time: 20" in done.technical_summary
    assert {"extent", "handling"} <= {item.kind for item in done.evidence}


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
    assert "is not healthy [E" in done.executive_summary
    assert not any(re.match(r"Look at \S+ \[", one) for one in done.suggested_actions)
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


async def test_the_model_is_told_of_the_past_and_of_what_people_wrote(
    servers: TestServers,
) -> None:
    async with llm_server() as server, world(servers, server.url) as here:
        got = await story(here)
        past = structs.replace(got, id=str(uuid4()), detected_at_s=got.detected_at_s - 3600)
        back = next(name for name in got.affected_services if name.startswith("back"))
        async with here.database.transaction() as con:
            await create_incident(con, past, "engineer")
            both = "UPDATE incidents SET fingerprint = id || '|latency_ms' WHERE id = ANY($1)"
            await con.execute(both, [got.id, past.id])
            await comment(con, got.id, "engineer", "ann@example.org looks at it", None)
        said = Feedback(id=str(uuid4()), incident_id=past.id, analysis_id=None, verdict="right",
                        true_cause=back, comment=None, created_by="engineer",
                        created_at_s=past.detected_at_s)  # fmt: skip
        await add_feedback(here.database, said)
        card = {"links": {"runbook": "https://x/y"}, "runbook_text": "Mail bob@example.org first"}
        await change_card(here.database, back, card, "engineer")
        done = await analysed(here, got)
    facts = {item.kind: item for item in done.evidence}
    assert facts["precedent"].text.endswith(f"people say its cause was {back}")
    assert facts["precedent"].ref["incident_id"] == past.id
    assert facts["runbook"].text == f"{back} has a runbook"
    seen = server.requests[0]["messages"][1]["content"]
    assert facts["precedent"].text in seen
    assert "<email-1> looks at it" in seen
    assert "ann@example.org" not in seen
    assert "Mail <email-2> first" in seen
    assert facts["runbook"].ref["text"] == "Mail bob@example.org first"
