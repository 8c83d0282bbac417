"""One streamed call, strict schema, retries, breaker and budget, over real HTTP."""

from __future__ import annotations

import asyncio

import pytest

from liveops.clock import FakeClock
from liveops.errors import Unavailable
from liveops.llm.budget import Amount
from liveops.llm.client import MAX_CALLS, MAX_REPLY_TOKENS, LlmClient
from liveops.llm.pricing import cost_usd, price_of
from liveops.llm.trouble import WORDS, in_words
from liveops.rca import questions
from liveops.rca.claims import Reply
from liveops.rca.investigation import investigate
from liveops.rca.prompt import Prompt, build
from liveops.settings import Settings
from schema.analysis import Analysis, Evidence
from tests.llm_server import Fault, llm_server
from tests.unit.llm.accounts import ABOUT, Account
from tests.unit.rca.stories import CHAIN, detection, during, history, incident


def prompt() -> Prompt:
    story = incident(detection("front"))
    return build(story, investigate(story, history() + during({"back": 900}), CHAIN))


def client(
    url: str, clock: FakeClock, account: Account | None = None, *, timeout_s: float = 5.0
) -> LlmClient:
    settings = Settings(openai_api_key="sk-test", openai_base_url=url, openai_timeout_s=timeout_s)
    return LlmClient(settings, clock, account or Account())


async def test_an_answer_has_its_cost_and_follows_the_schema() -> None:
    account = Account()
    async with llm_server() as server:
        answer = await client(server.url, FakeClock(), account).ask(prompt(), ABOUT)
    assert server.refusals == []
    assert answer.read.root_cause is not None
    assert answer.read.root_cause.evidence
    assert (answer.tokens, answer.cut) == (1200, "")
    assert answer.cost_usd == pytest.approx(0.0045)
    assert (account.settled, account.reserved) == ([Amount(1200, answer.cost_usd)], {})


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_overload_is_tried_again(status: int) -> None:
    async with llm_server(statuses=[status]) as server:
        server.retry_after = "0.01"
        await client(server.url, FakeClock()).ask(prompt(), ABOUT)
    assert len(server.requests) == 2


async def test_no_retry_outlasts_the_deadline() -> None:
    async with llm_server(statuses=[429]) as server:
        server.retry_after = "60"
        with pytest.raises(Unavailable) as raised:
            await client(server.url, FakeClock(), timeout_s=0.2).ask(prompt(), ABOUT)
    assert in_words(raised.value) == WORDS["timeout"]
    assert len(server.requests) == 1


async def test_a_refused_request_is_not_tried_again() -> None:
    async with llm_server(statuses=[401]) as server:
        with pytest.raises(Unavailable):
            await client(server.url, FakeClock()).ask(prompt(), ABOUT)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param({"root_cause_service": None}, id="fields missing"),
        pytest.param({"surprise": 1}, id="unknown field"),
    ],
)
async def test_a_reply_of_the_wrong_shape_is_no_answer(reply: dict[str, object]) -> None:
    async with llm_server(lambda schema, user: reply) as server:
        with pytest.raises(Unavailable) as raised:
            await client(server.url, FakeClock()).ask(prompt(), ABOUT)
    assert in_words(raised.value) == WORDS["unusable"]


@pytest.mark.parametrize(
    ("fault", "cut"),
    [
        ("stall", "after its time was over"),
        ("break", "as the line broke"),
        ("length", "at its greatest length"),
        ("silent_end", "before its end"),
    ],
)
async def test_what_is_whole_of_a_cut_answer_is_kept(fault: Fault, cut: str) -> None:
    account = Account()
    async with llm_server() as server:
        whole: Reply = (await client(server.url, FakeClock()).ask(prompt(), ABOUT)).read
        server.statuses = [fault]
        asked = client(server.url, FakeClock(), account, timeout_s=1.0)
        answer = await asked.ask(prompt(), ABOUT)
    kept = answer.read
    assert answer.cut == cut
    assert (kept.root_cause_service, kept.root_cause) == (
        whole.root_cause_service,
        whole.root_cause,
    )
    assert kept.technical == whole.technical
    assert kept.actions == ()
    assert asked.healthy
    assert account.settled[0].tokens > 0


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("hang", "timeout"), ("garbage", "unusable"), ("decline", "declined"), (400, "refused")],
)
async def test_what_is_no_answer_says_why(fault: int | Fault, kind: str) -> None:
    account = Account()
    async with llm_server(statuses=[fault]) as server:
        asked = client(server.url, FakeClock(), account, timeout_s=0.5)
        with pytest.raises(Unavailable) as raised:
            await asked.ask(prompt(), ABOUT)
    assert in_words(raised.value) == WORDS[kind]
    assert account.reserved == {}
    assert (account.settled == [Amount()]) is (kind == "refused")


async def test_after_failures_the_model_is_left_alone_for_a_while() -> None:
    clock = FakeClock()
    async with llm_server(statuses=[400, 400, 400]) as server:
        asked = client(server.url, clock)
        for _ in range(4):
            with pytest.raises(Unavailable):
                await asked.ask(prompt(), ABOUT)
        assert len(server.requests) == 3
        clock.advance(61)
        await asked.ask(prompt(), ABOUT)
    assert asked.healthy


async def test_what_a_call_may_cost_is_set_aside_before_it() -> None:
    account = Account(calls=1)
    async with llm_server() as server:
        asked = client(server.url, FakeClock(), account)
        await asked.ask(prompt(), ABOUT)
        with pytest.raises(Unavailable, match="budget"):
            await asked.ask(prompt(), ABOUT)
    assert len(server.requests) == 1
    assert asked.healthy


async def test_a_model_that_is_busy_is_not_waited_for() -> None:
    async with llm_server(statuses=["hang"] * MAX_CALLS) as server:
        asked = client(server.url, FakeClock())
        calls = [asyncio.create_task(asked.ask(prompt(), ABOUT)) for _ in range(MAX_CALLS)]
        while len(server.requests) < MAX_CALLS:
            await asyncio.sleep(0.01)
        with pytest.raises(Unavailable, match="busy"):
            await asked.ask(prompt(), ABOUT)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await asked.ask(prompt(), ABOUT)


async def test_a_call_that_is_given_up_is_paid_all_the_same() -> None:
    account = Account()
    async with llm_server(statuses=["stall"]) as server:
        call = asyncio.create_task(client(server.url, FakeClock(), account).ask(prompt(), ABOUT))
        while not server.requests:
            await asyncio.sleep(0.01)
        assert next(iter(account.reserved.values())).tokens > MAX_REPLY_TOKENS
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    assert account.reserved == {}
    assert account.settled[0].tokens >= prompt().tokens


def test_an_unknown_model_costs_nothing_and_says_so() -> None:
    assert price_of("some-local-model") is None
    assert cost_usd("some-local-model", 10_000, 10_000) == 0.0
    assert price_of("gpt-4o-2024-08-06") == price_of("gpt-4o")


@pytest.mark.parametrize("faults", [[], ["length"]])
async def test_placeholders_come_back_as_what_they_stand_for(faults: list[int | Fault]) -> None:
    fact = Evidence("E1", "10.0.0.7 latency_ms is 900", "metric", {"service_name": "10.0.0.7"})
    analysis = Analysis(id="a", incident_id="i", status="completed", evidence=[fact])
    claim = {"text": "<ip-1> is at 900, ask <email-1>", "evidence": ["E1"]}
    async with llm_server(lambda *_: {"claims": [claim, claim]}, faults) as server:
        asked = client(server.url, FakeClock())
        got = await asked.ask_question(questions.build(analysis, "why?"), ABOUT)
        assert "10.0.0.7" not in str(server.requests)
    assert got.read[0].text == "10.0.0.7 is at 900, ask <email-1>"


@pytest.mark.parametrize("faults", [[], ["length"]])
async def test_a_service_hidden_from_the_model_is_named_to_the_reader(
    faults: list[int | Fault],
) -> None:
    host = "10.20.30.40"
    story = incident(detection(host), service_name=host, title="slow")
    asked_about = build(story, investigate(story, history(), []))
    async with llm_server(statuses=faults) as server:
        got = await client(server.url, FakeClock()).ask(asked_about, ABOUT)
        assert host not in str(server.requests)
    assert got.read.root_cause_service == host
    assert got.read.root_cause is not None
    assert host in got.read.root_cause.text
