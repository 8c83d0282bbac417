"""A worker that dies while it asks the model: another copy does the job, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest

from liveops.postgres import analyses
from liveops.postgres.analyses import Job
from liveops.postgres.incidents import timeline
from schema.analysis import Analysis
from schema.incidents import Incident
from tests.client import eventually
from tests.integration.analysis_world import World, newest, story, world
from tests.llm_server import LlmServer, llm_server
from tests.own_database import own_database
from tests.own_worker import OwnWorker
from tests.stack import TestServers

pytestmark = pytest.mark.integration
End = Callable[[OwnWorker], Awaitable[bool]]
Asking: TypeAlias = tuple[World, LlmServer, OwnWorker, Incident]


async def by_kill(worker: OwnWorker) -> bool:
    worker.kill()
    return True


async def by_sigterm(worker: OwnWorker) -> bool:
    return await worker.stop()


@asynccontextmanager
async def asking(
    servers: TestServers,
) -> AsyncIterator[tuple[World, LlmServer, OwnWorker, Incident]]:
    """A worker of its own that waits for the model, which answers the next time."""
    async with (
        own_database(servers) as own,
        llm_server(statuses=["hang"]) as server,
        world(own, server.url) as here,
    ):
        told = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": server.url}
        worker = OwnWorker(own, here.settings, name="analysis", told=told)
        got = await story(here)
        await here.investigator.request(got.id)
        worker.start()
        try:
            await eventually(lambda: _asked(server), "the call of the model", 60)
            yield here, server, worker, got
        finally:
            worker.kill()


async def _asked(server: LlmServer) -> bool:
    return bool(server.requests)


@pytest.mark.parametrize("end", [by_kill, by_sigterm])
async def test_another_copy_does_what_a_worker_died_over_once(
    servers: TestServers, end: End
) -> None:
    async with asking(servers) as (here, server, worker, got):
        assert await end(worker)
        other = asyncio.create_task(here.jobs.run())
        try:

            async def completed() -> Analysis | None:
                found = await newest(here, got.id)
                return found if found.status == "completed" else None

            done = await eventually(completed, "the analysis", 60)
        finally:
            other.cancel()
            await asyncio.gather(other, return_exceptions=True)
        kinds = [item["kind"] for item in await timeline(here.database, got.id)]
        async with here.database.connection() as con:
            query = "SELECT attempts FROM ai_analyses WHERE incident_id = $1"
            rows = [row["attempts"] for row in await con.fetch(query, got.id)]
    assert (done.source, len(server.requests)) == ("llm", 2)
    assert kinds == ["created", "analysis"]
    assert rows == [2]


async def test_who_works_on_a_job_keeps_it_and_a_second_attempt_takes_it(
    servers: TestServers,
) -> None:
    async with own_database(servers) as own, world(own) as here:
        got = await story(here)
        await here.investigator.request(got.id)
        job = await analyses.claim(here.database, 0.0)
        assert job is not None
        assert await analyses.hold(here.database, job, 60.0)
        # Its lease was over, but it has said that it is there.
        assert await analyses.claim(here.database, 60.0) is None
        assert await analyses.hold(here.database, job, 0.0)
        second = await analyses.claim(here.database, 60.0)
        assert isinstance(second, Job)
        assert not await analyses.hold(here.database, job, 60.0)
        await here.jobs.perform(second)
        assert not await analyses.hold(here.database, second, 60.0)
