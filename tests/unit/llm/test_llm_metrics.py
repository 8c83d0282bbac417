"""What calls of the model cost and why they fail, as metrics."""

from __future__ import annotations

from collections.abc import Callable

import openai
import pytest

from liveops.clock import FakeClock
from liveops.errors import Unavailable
from liveops.llm.trouble import kind_of
from liveops.metrics.analysis import REGISTRY
from liveops.metrics.worker import REGISTRY as WORKER
from tests.llm_server import llm_server
from tests.unit.llm.accounts import ABOUT
from tests.unit.llm.test_client import client, prompt


def value(name: str, **labels: str) -> float:
    found = REGISTRY.get_sample_value(name, labels)
    assert found is not None, name
    return found


def rise(name: str, **labels: str) -> Callable[[], float]:
    """How much a counter has risen since."""
    before = value(name, **labels)
    return lambda: value(name, **labels) - before


async def test_an_answer_is_timed_and_its_tokens_and_cost_are_counted() -> None:
    calls = rise("liveops_llm_request_seconds_count")
    prompts = rise("liveops_llm_tokens_total", kind="prompt")
    completions = rise("liveops_llm_tokens_total", kind="completion")
    cost = rise("liveops_llm_cost_usd_total")
    async with llm_server() as server:
        await client(server.url, FakeClock()).ask(prompt(), ABOUT)
    assert (calls(), prompts(), completions()) == (1, 1000, 200)
    assert cost() == pytest.approx(0.0045)


@pytest.mark.parametrize(
    ("status", "kind"), [(429, "rate_limit"), (503, "server"), (401, "refused")]
)
async def test_each_question_without_an_answer_is_counted_once(status: int, kind: str) -> None:
    errors, calls = (
        rise("liveops_llm_errors_total", kind=kind),
        rise("liveops_llm_request_seconds_count"),
    )
    async with llm_server(statuses=[status] * 3) as server:
        server.retry_after = "0.01"
        with pytest.raises(Unavailable):
            await client(server.url, FakeClock()).ask(prompt(), ABOUT)
    assert errors() == calls() == 1


async def test_an_answer_that_cannot_be_used_is_counted() -> None:
    errors = rise("liveops_llm_errors_total", kind="unusable")
    async with llm_server(lambda schema, user: {"surprise": 1}) as server:
        with pytest.raises(Unavailable):
            await client(server.url, FakeClock()).ask(prompt(), ABOUT)
    assert errors() == 1


async def test_the_circuit_shows_while_it_is_open() -> None:
    def is_open() -> float | None:
        return WORKER.get_sample_value("liveops_breaker_open", {"dependency": "llm"})

    clock = FakeClock()
    async with llm_server(statuses=[400] * 3) as server:
        asked = client(server.url, clock)
        assert is_open() == 0
        for _ in range(3):
            with pytest.raises(Unavailable):
                await asked.ask(prompt(), ABOUT)
        assert is_open() == 1
        clock.advance(61)
        await asked.ask(prompt(), ABOUT)
    assert is_open() == 0


async def test_a_server_that_is_away_is_counted_as_such() -> None:
    errors = rise("liveops_llm_errors_total", kind="connection")
    with pytest.raises(Unavailable):
        await client("http://127.0.0.1:1/v1", FakeClock()).ask(prompt(), ABOUT)
    assert errors() == 1


def test_a_timeout_is_not_taken_for_a_broken_connection() -> None:
    late = openai.APITimeoutError.__new__(openai.APITimeoutError)
    assert isinstance(late, openai.APIConnectionError)
    assert kind_of(late) == kind_of(TimeoutError()) == "timeout"
