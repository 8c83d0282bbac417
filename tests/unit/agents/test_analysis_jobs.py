"""How long a job belongs to the worker that has claimed it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from agents.analysis.jobs import AnalysisJobs
from liveops.clock import FakeClock
from liveops.llm.client import LlmClient
from liveops.settings import Settings
from tests.unit.llm.accounts import Account


@pytest.mark.parametrize("timeout_s", [20.0, 120.0])
async def test_a_job_is_claimed_for_longer_than_the_model_may_take(
    timeout_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases: list[float] = []
    claimed = asyncio.Event()

    async def claim(database: Any, lease_s: float) -> None:
        leases.append(lease_s)
        claimed.set()

    async def unasked(database: Any) -> list[str]:
        return []

    monkeypatch.setattr("liveops.postgres.analyses.claim", claim)
    monkeypatch.setattr("liveops.postgres.analyses.unasked", unasked)
    settings = Settings(openai_api_key="k", openai_timeout_s=timeout_s)
    llm = LlmClient(settings, FakeClock(), Account())
    none = cast(Any, None)
    jobs = AnalysisJobs(none, none, none, llm, FakeClock())
    working = asyncio.create_task(jobs.run())
    async with asyncio.timeout(5):
        await claimed.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert leases[0] > timeout_s + 10
