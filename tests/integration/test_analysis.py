"""Incident → ranking at once → job → PostgreSQL, outbox, Kafka, Redis; on real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from msgspec import structs

from agents.analysis.analyse import AnalyseAgent
from agents.analysis.investigate import Investigator
from agents.analysis.jobs import AnalysisJobs
from liveops.clock import SystemClock
from liveops.errors import NotFound
from liveops.kafka.producer import Producer
from liveops.kafka.topics import ensure_topics
from liveops.llm.client import LlmClient
from liveops.outbox import OutboxRelay
from liveops.postgres import analyses
from liveops.postgres.archive import upsert_windows
from liveops.postgres.database import Database
from liveops.postgres.incidents import create_incident, timeline
from liveops.postgres.migrate import migrate
from liveops.postgres.topology import declare_topology
from liveops.redis import keys
from liveops.redis.cache import Cache
from liveops.settings import Settings
from schema.analysis import Analysis
from schema.incidents import Incident, public_incident
from schema.metrics import Aggregate
from schema.topics import ANALYSIS_COMPLETED
from tests.llm_server import faithful, llm_server
from tests.stack import TestServers
from tests.unit.rca.stories import detection, incident

pytestmark = pytest.mark.integration


@dataclass(slots=True)
class World:
    """The analysis worker's parts on real servers, without Faust."""

    settings: Settings
    database: Database
    cache: Cache
    investigator: Investigator
    jobs: AnalysisJobs
    agent: AnalyseAgent


@asynccontextmanager
async def world(servers: TestServers, llm_url: str | None = None) -> AsyncIterator[World]:
    settings = Settings(
        data_dir=servers.data_dir,
        broker_url=servers.broker_url,
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        openai_api_key="sk-test" if llm_url else None,
        openai_base_url=llm_url,
    )
    await migrate(servers.database_url)
    await ensure_topics(settings)
    database, cache, clock = Database(servers.database_url), Cache(servers.redis_url), SystemClock()
    llm = LlmClient(settings, clock) if llm_url else None
    investigator = Investigator(database, clock)
    jobs = AnalysisJobs(database, cache, investigator, llm, clock)
    try:
        yield World(settings, database, cache, investigator, jobs,
                    AnalyseAgent(investigator, jobs, cache, clock))  # fmt: skip
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


async def test_an_event_gives_the_ranking_at_once_and_the_fallback_after(
    servers: TestServers,
) -> None:
    async with world(servers) as here:
        got = await story(here)
        await here.agent.detected(events(got, got))
        pending = await newest(here, got.id)
        assert pending.status == "pending"
        assert pending.ranking[0].service_name.startswith("back-")
        await perform_all(here)
        done = await newest(here, got.id)
        assert (done.id, done.status, done.source) == (pending.id, "completed", "fallback")
        assert done.root_cause_service == pending.ranking[0].service_name
        assert "[E1]" in done.technical_summary
        cached = orjson.loads(await here.cache.client.get(keys.analysis(got.id)) or "")
        assert cached["status"] == "completed"
        assert 0 < await here.cache.client.ttl(keys.analysis(got.id)) <= 3600
        kinds = [item["kind"] for item in await timeline(here.database, got.id)]
        assert kinds == ["created", "analysis"]


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


async def test_a_broken_model_leaves_the_fallback(servers: TestServers) -> None:
    async with llm_server(statuses=[500] * 9) as server, world(servers, server.url) as here:
        got = await story(here)
        await here.investigator.request(got.id)
        await perform_all(here)
        done = await newest(here, got.id)
    assert (done.status, done.source) == ("completed", "fallback")


async def test_an_analysis_is_reused_unless_forced_or_grown(servers: TestServers) -> None:
    async with world(servers) as here:
        got = await story(here)
        first = await here.investigator.request(got.id)
        assert (await here.investigator.request(got.id, force=True)).id == first.id  # pending
        await perform_all(here)
        assert (await here.investigator.request(got.id)).id == first.id
        assert (await here.investigator.request(got.id, if_grown=True)).id == first.id
        forced = await here.investigator.request(got.id, force=True)
        assert forced.id != first.id
        await perform_all(here)
        await spread(here, got, "third")
        grown = await here.investigator.request(got.id, if_grown=True)
        assert grown.id not in (first.id, forced.id)


async def spread(here: World, got: Incident, *services: str) -> None:
    """The incident comes to affect further services."""
    async with here.database.connection() as con:
        query = "UPDATE incidents SET affected_services = $2 WHERE id = $1"
        await con.execute(query, got.id, [*got.affected_services, *services])


async def test_a_pending_analysis_is_renewed_when_the_incident_grows(servers: TestServers) -> None:
    async with world(servers) as here:
        got = await story(here)
        first = await here.investigator.request(got.id)
        await spread(here, got, "third")
        await here.investigator.request(got.id, if_grown=True)
        renewed = await newest(here, got.id)
    assert (renewed.id, renewed.status) == (first.id, "pending")
    assert "third" in renewed.impacted_services
    assert "third" in [entry.service_name for entry in renewed.ranking]


async def test_what_grew_during_the_models_call_is_analysed_again(servers: TestServers) -> None:
    async with world(servers) as here:
        got = await story(here)
        await here.investigator.request(got.id)
        await perform_all(here)
        done = await newest(here, got.id)
        await here.investigator.request_if_grown(done)
        assert (await newest(here, got.id)).id == done.id
        await spread(here, got, "third")
        await here.investigator.request_if_grown(done)
        again = await newest(here, got.id)
    assert (again.id != done.id, again.status) == (True, "pending")


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


async def test_of_counters_the_rate_is_looked_at_not_the_level(servers: TestServers) -> None:
    async with world(servers) as here:
        service, start_s = f"counts-{uuid4().hex[:8]}", SystemClock().now_s() // 60 * 60 - 600
        windows = [
            structs.replace(
                minute(service, start_s + 60 * i, 1e6 + 100 * i), metric_type="requests_total",
                tags={"route": route}, kind="counter",
                increase=None if i == 0 else 100.0, rate_per_s=None if i == 0 else 100 / 60,
            )
            for i in range(3)
            for route in ("a", "b")
        ]  # fmt: skip
        async with here.database.transaction() as con:
            await upsert_windows(con, windows)
        found = await analyses.fetch_minutes(here.database, [service], start_s, start_s + 600)
    assert [s.at_s - start_s for s in found] == [60, 120]
    assert [s.value for s in found] == [pytest.approx(200 / 60)] * 2


async def test_unknown_incidents_are_not_found(servers: TestServers) -> None:
    async with world(servers) as here:
        with pytest.raises(NotFound):
            await here.investigator.request(str(uuid4()))


async def test_the_running_jobs_publish_to_kafka_by_the_outbox(servers: TestServers) -> None:
    async with world(servers) as here:
        got = await story(here)
        consumer = AIOKafkaConsumer(
            ANALYSIS_COMPLETED,
            bootstrap_servers=here.settings.bootstrap_servers,
            auto_offset_reset="earliest",
        )
        producer = Producer(here.settings)
        relay = OutboxRelay(here.database, producer)
        await consumer.start()
        await relay.start()
        running = asyncio.create_task(here.jobs.run())
        try:
            await here.agent.detected(events(got))
            async with asyncio.timeout(20):
                async for record in consumer:
                    if (record.key or b"").decode() == got.id:
                        break
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await relay.stop()
            await producer.stop()
            await consumer.stop()
        event = orjson.loads(record.value or b"")
        assert (event["incident_id"], event["status"]) == (got.id, "completed")
        assert ("schema", b"1") in record.headers
