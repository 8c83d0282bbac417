"""Incident → ranking at once → job → PostgreSQL, outbox, Kafka, Redis; on real servers."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from msgspec import structs

from liveops.clock import SystemClock
from liveops.errors import NotFound
from liveops.kafka.producer import Producer
from liveops.outbox import OutboxRelay
from liveops.postgres import analyses
from liveops.postgres.archive import upsert_windows
from liveops.postgres.incidents import timeline
from liveops.redis import keys
from schema.topics import ANALYSIS_COMPLETED
from tests.integration.analysis_world import (
    events,
    minute,
    newest,
    perform_all,
    story,
    world,
)
from tests.stack import TestServers

pytestmark = pytest.mark.integration


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
