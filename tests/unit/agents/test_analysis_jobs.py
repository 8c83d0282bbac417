"""How long a job belongs to the worker that has claimed it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from agents.analysis import jobs as jobs_module
from agents.analysis.jobs import AnalysisJobs
from liveops.clock import FakeClock
from liveops.errors import Unavailable
from liveops.postgres.analyses import Job

JOB = Job("7d0ad6d2-7d5c-4d53-8f3c-94f0f0e3a001", "i", "", 1, 0.0)


class Held(AnalysisJobs):
    """Jobs that wait for ever, and a database that answers what it is told to."""

    def __init__(self, answers: list[bool | Exception]) -> None:
        none = cast(Any, None)
        super().__init__(none, none, none, None, FakeClock())
        self.answers = answers
        self.begun, self.ended = asyncio.Event(), asyncio.Event()

    async def perform(self, job: Job) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()

    async def hold(self, _: Any, job: Job, lease_s: float) -> bool:
        assert (job, lease_s) == (JOB, jobs_module.LEASE_S)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "HEARTBEAT_S", 0.01)


async def test_a_job_is_held_until_somebody_else_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held([True, Unavailable("postgres"), True, False])
    monkeypatch.setattr("liveops.postgres.analyses.hold", held.hold)
    await held._guarded(JOB)
    assert held.answers == []
    assert held.ended.is_set()


async def test_a_job_that_hangs_is_not_held_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held([True] * 1000)
    held._longest_s = 0.05
    monkeypatch.setattr("liveops.postgres.analyses.hold", held.hold)
    await held._guarded(JOB)
    assert held.ended.is_set()


async def test_stopping_the_worker_does_not_wait_for_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held([True] * 1000)
    monkeypatch.setattr("liveops.postgres.analyses.hold", held.hold)
    working = asyncio.create_task(held._guarded(JOB))
    await held.begun.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert held.ended.is_set()
