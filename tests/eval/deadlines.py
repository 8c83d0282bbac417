"""From detection to a finished analysis with a model that is slow, away or broken: in seconds.

Real PostgreSQL and Valkey, the real deadline of 25 s; each case has a database of its own, so
that all run at the same time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from liveops.postgres import analyses
from schema.analysis import Analysis
from tests.eval.founded import unfounded
from tests.integration.analysis_world import World, events, newest, story, world
from tests.llm_server import Fault, llm_server
from tests.own_database import own_database
from tests.stack import TestServers, running_servers

#: What is promised, and when a case is given up.
WITHIN_S, _PATIENCE_S = 30.0, 90.0
_LOOK_S = 0.02
_NOWHERE = "http://127.0.0.1:1/v1"


@dataclass(frozen=True, slots=True)
class Trouble:
    """How the model behaves: what comes first, and how long its last chunk takes."""

    name: str
    statuses: tuple[int | Fault, ...] = ()
    pause_s: float = 0.0
    retry_after: str = ""
    away: bool = False


TROUBLES = (
    Trouble("answers at once"),
    Trouble("answers in 20 s", pause_s=20.0),
    Trouble("answers in 40 s, cut", pause_s=40.0),
    Trouble("hangs", ("hang",) * 3),
    Trouble("stops within its answer", ("stall",)),
    Trouble("line breaks", ("break",)),
    Trouble("is down", away=True),
    Trouble("garbage", ("garbage",)),
    Trouble("declines", ("decline",)),
    Trouble("refuses (401)", (401,)),
    Trouble("overloaded (429, wait 60 s)", (429,) * 9, retry_after="60"),
    Trouble("broken (500)", (500,) * 9, retry_after="1"),
    Trouble("broken twice, then in 15 s", (503, 503), 15.0, "1"),
)


def rows() -> Iterator[str]:
    """One line a case; the last says whether all kept what is promised."""
    with running_servers() as servers:
        found = asyncio.run(_all(servers))
    yield f"\n{'the model':30}{'ranking s':>10}{'done s':>8}  source    no ev.  reason"
    for trouble, (ranked_s, done_s, done) in zip(TROUBLES, found, strict=True):
        yield (
            f"{trouble.name:30}{ranked_s:10.2f}{done_s:8.2f}  {done.source:8}"
            f"{len(unfounded(done)):8}  {done.source_reason}"
        )
    late = [t.name for t, (_, done_s, _) in zip(TROUBLES, found, strict=True) if done_s >= WITHIN_S]
    yield f"later than {WITHIN_S:.0f} s: {', '.join(late) or 'none'}"


async def _all(servers: TestServers) -> list[tuple[float, float, Analysis]]:
    async with AsyncExitStack() as stack:
        # One after the other: roles are those of the whole server.
        ready = [await stack.enter_async_context(_ready(servers, one)) for one in TROUBLES]
        return list(await asyncio.gather(*map(_case, ready)))


@asynccontextmanager
async def _ready(servers: TestServers, trouble: Trouble) -> AsyncIterator[World]:
    async with own_database(servers) as own, _model(trouble) as url, world(own, url) as here:
        yield here


async def _case(here: World) -> tuple[float, float, Analysis]:
    """Seconds from detection to the ranking and to the finished analysis, and this."""
    running = asyncio.create_task(here.jobs.run())
    try:
        got = await story(here)
        started = time.perf_counter() - (time.time() - got.detected_at_s)
        asking = asyncio.create_task(here.agent.detected(events(got)))
        ranked_s = await _until(here, got.id, started, "pending")
        done_s = await _until(here, got.id, started, "completed")
        await asking
        return ranked_s, done_s, await newest(here, got.id)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _until(here: World, incident_id: str, started: float, status: str) -> float:
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            async with here.database.connection() as con:
                found = await analyses.newest(con, incident_id)
            if found is not None and found.status in (status, "completed") and found.ranking:
                return time.perf_counter() - started
            await asyncio.sleep(_LOOK_S)


@asynccontextmanager
async def _model(trouble: Trouble) -> AsyncIterator[str]:
    if trouble.away:
        yield _NOWHERE
        return
    async with llm_server(statuses=list(trouble.statuses)) as server:
        server.pause_s, server.retry_after = trouble.pause_s, trouble.retry_after
        yield server.url
