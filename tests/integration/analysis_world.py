"""The analysis worker's parts on real servers, without Faust, and an incident to look at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson

from agents.analysis.analyse import AnalyseAgent
from agents.analysis.investigate import Investigator
from agents.analysis.jobs import AnalysisJobs
from liveops.clock import SystemClock
from liveops.kafka.topics import ensure_topics
from liveops.llm.budget import limits_of
from liveops.llm.client import LlmClient
from liveops.postgres import analyses
from liveops.postgres.archive import upsert_windows
from liveops.postgres.database import Database
from liveops.postgres.incidents import create_incident
from liveops.postgres.llm_calls import LlmCalls
from liveops.postgres.migrate import migrate
from liveops.postgres.topology import declare_topology
from liveops.redis.cache import Cache
from liveops.settings import Settings
from schema.analysis import Analysis
from schema.incidents import Incident, public_incident
from schema.metrics import Aggregate
from tests.stack import TestServers
from tests.unit.rca.stories import detection, incident


@dataclass(slots=True)
class World:
    """The analysis worker's parts on real servers, without Faust."""

    settings: Settings
    database: Database
    cache: Cache
    investigator: Investigator
    jobs: AnalysisJobs
    agent: AnalyseAgent
    calls: LlmCalls
    llm: LlmClient | None


@asynccontextmanager
async def world(
    servers: TestServers, llm_url: str | None = None, **more: Any
) -> AsyncIterator[World]:
    """With a model where its URL is given; `more` are settings."""
    more = {"llm_tokens_per_day": 10**9, "llm_usd_per_day": 10**6} | more
    settings = Settings(
        data_dir=servers.data_dir,
        broker_url=servers.broker_url,
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        openai_api_key="sk-test" if llm_url else None,
        openai_base_url=llm_url,
        **more,
    )
    await migrate(servers.database_url)
    await ensure_topics(settings)
    database, cache, clock = Database(servers.database_url), Cache(servers.redis_url), SystemClock()
    calls = LlmCalls(database, limits_of(settings))
    llm = LlmClient(settings, clock, calls) if llm_url else None
    investigator = Investigator(database, clock)
    jobs = AnalysisJobs(database, cache, investigator, llm, clock)
    try:
        yield World(settings, database, cache, investigator, jobs,
                    AnalyseAgent(investigator, jobs, cache), calls, llm)  # fmt: skip
    finally:
        await cache.stop()
        await database.stop()
        if llm:
            await llm.stop()


async def story(here: World) -> Incident:
    """Random names; the back is slow and so is the front that calls it."""
    now_s = SystemClock().now_s()
    front, back = f"front-{uuid4().hex[:8]}", f"back-{uuid4().hex[:8]}"
    start_s = now_s // 60 * 60 - 120
    windows = [
        minute(name, start_s + 60 * i, (level if i >= 0 else 100 + place) + i % 3)
        for place, (name, level) in enumerate(((front, 400), (back, 900)))
        for i in range(-40, 2)
    ]
    seen = detection(front, onset_s=start_s + 5, at_s=start_s + 20)
    got = incident(seen, id=str(uuid4()), service_name=front, affected_services=[front, back],
                   detected_at_s=now_s)  # fmt: skip
    async with here.database.transaction() as con:
        await upsert_windows(con, windows)
        await create_incident(con, got, "test")
    await declare_topology(here.database, [(front, back)], now_s)
    return got


def minute(service: str, start_s: float, mean: float) -> Aggregate:
    return Aggregate(
        service_name=service, metric_type="latency_ms", tags={}, window="1m",
        start_s=int(start_s), end_s=int(start_s) + 60, count=60, sum=60 * mean, min=mean,
        max=mean, mean=mean, stddev=1.0, p50=mean, p95=mean, p99=mean, rate=1.0, final=True,
        revision=1, histogram={},
    )  # fmt: skip


async def stream(*given: Incident) -> AsyncIterator[bytes | None]:
    yield None
    yield b"not json"
    for item in given:
        yield orjson.dumps(public_incident(item))


def events(*given: Incident) -> Any:
    """What the agent reads, standing in for Faust's stream."""
    return stream(*given)


async def newest(here: World, incident_id: str) -> Analysis:
    async with here.database.connection() as con:
        got = await analyses.newest(con, incident_id)
    assert got is not None
    return got


async def perform_all(here: World) -> None:
    while job := await analyses.claim(here.database, 45):
        await here.jobs.perform(job)


async def spread(here: World, got: Incident, *services: str) -> None:
    """The incident comes to affect further services."""
    async with here.database.connection() as con:
        query = "UPDATE incidents SET affected_services = $2 WHERE id = $1"
        await con.execute(query, got.id, [*got.affected_services, *services])
