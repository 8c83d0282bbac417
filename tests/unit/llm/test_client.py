"""One call, strict schema, retries, breaker and budget, over real HTTP."""

from __future__ import annotations

import pytest

from liveops.clock import FakeClock
from liveops.errors import Unavailable
from liveops.llm.budget import Budget, SpendingLimits
from liveops.llm.client import LlmClient
from liveops.llm.pricing import cost_usd, price_of
from liveops.rca.investigation import investigate
from liveops.rca.prompt import Prompt, build
from liveops.settings import Settings
from tests.llm_server import llm_server
from tests.unit.rca.stories import CHAIN, detection, during, history, incident


def prompt() -> Prompt:
    story = incident(detection("front"))
    return build(story, investigate(story, history() + during({"back": 900}), CHAIN))


def client(url: str, clock: FakeClock, model: str = "gpt-4o", limits: SpendingLimits | None = None,
           ) -> LlmClient:  # fmt: skip
    settings = Settings(
        openai_api_key="sk-test", openai_base_url=url, openai_model=model, openai_timeout_s=5
    )
    return LlmClient(settings, clock, limits)


async def test_an_answer_has_its_cost_and_follows_the_schema() -> None:
    async with llm_server() as server:
        answer = await client(server.url, FakeClock()).ask(prompt())
    assert server.refusals == []
    assert answer.reply.root_cause.evidence
    assert answer.tokens == 1200
    assert answer.cost_usd == pytest.approx(0.0045)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_overload_is_tried_again(status: int) -> None:
    async with llm_server(statuses=[status]) as server:
        await client(server.url, FakeClock()).ask(prompt())
    assert len(server.requests) == 2


async def test_a_refused_request_is_not_tried_again() -> None:
    async with llm_server(statuses=[401]) as server:
        with pytest.raises(Unavailable):
            await client(server.url, FakeClock()).ask(prompt())
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
        with pytest.raises(Unavailable):
            await client(server.url, FakeClock()).ask(prompt())


async def test_after_failures_the_model_is_left_alone_for_a_while() -> None:
    clock = FakeClock()
    async with llm_server(statuses=[400, 400, 400]) as server:
        asked = client(server.url, clock)
        for _ in range(4):
            with pytest.raises(Unavailable):
                await asked.ask(prompt())
        assert len(server.requests) == 3
        clock.advance(61)
        await asked.ask(prompt())
    assert asked.healthy


async def test_a_spent_budget_stops_calls_for_the_rest_of_the_hour() -> None:
    clock = FakeClock()
    async with llm_server() as server:
        asked = client(server.url, clock, limits=SpendingLimits(calls=1))
        await asked.ask(prompt())
        with pytest.raises(Unavailable, match="budget"):
            await asked.ask(prompt())
        clock.advance(3601)
        await asked.ask(prompt())
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "limits",
    [SpendingLimits(calls=2), SpendingLimits(tokens=2000), SpendingLimits(usd=0.02)],
    ids=["calls", "tokens", "usd"],
)
def test_each_limit_closes_the_budget(limits: SpendingLimits) -> None:
    budget = Budget(limits, FakeClock())
    budget.spend(1000, 0.01)
    assert budget.allows
    budget.spend(1000, 0.01)
    assert not budget.allows


def test_an_unknown_model_costs_nothing_and_says_so() -> None:
    assert price_of("some-local-model") is None
    assert cost_usd("some-local-model", 10_000, 10_000) == 0.0
    assert price_of("gpt-4o-2024-08-06") == price_of("gpt-4o")
