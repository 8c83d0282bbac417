"""kill -9 of the correlator at each step of the life of incidents: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from msgspec.structs import replace

from liveops.postgres.database import Database
from liveops.postgres.migrate import migrate
from liveops.postgres.muted_alerts import note_alerts
from schema.incidents import Detection, Mark, write_mark
from schema.times import format_time
from tests import correlator_copy
from tests.aggregates import BEGIN_S, detection
from tests.correlator_copy import PARTING_STEPS, STEPS, Setting
from tests.own_database import own_database
from tests.stack import TestServers

pytestmark = pytest.mark.integration
NOW_S = float(BEGIN_S)
CALLS = (("cart", "db"), ("lone", "db"), ("lone", "pay"))


def at(service: str, after_s: float, metric: str = "latency_ms") -> Detection:
    return replace(detection(service, metric_type=metric), at_s=NOW_S + after_s)


FIRING = [at("cart", 10.2, "error_rate"), at("lone", 10.3), at("db", 10.0, "error_rate"),
          at("pay", 10.1)]  # fmt: skip
CART, LONE, DB, PAY = FIRING


def mark(after_s: float) -> Mark:
    return Mark(0, format_time(NOW_S + after_s))


def encoded(record: Detection | Mark) -> bytes:
    return write_mark(record) if isinstance(record, Mark) else msgspec.json.encode(record)


#: What is read, and the wall clock then: seconds after the first.
LIFE: dict[str, tuple[list[Detection | Mark], float]] = {
    "waiting": ([CART, LONE, mark(1)], 0),
    "opened": ([mark(2)], 60),
    "merged, as a late one is folded first": ([DB], 61),
    "parted, as another one is": ([PAY], 62),
    "settled": ([mark(30)], 63),
    "resolved": ([replace(one, state="resolved", at_s=NOW_S + 300) for one in FIRING], 300),
    "over": ([mark(1000)], 1000),
}


@asynccontextmanager
async def correlating(servers: TestServers) -> AsyncIterator[World]:
    """A topic and a database of its own."""
    topic = f"detections-{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.broker_url)
    producer = AIOKafkaProducer(bootstrap_servers=servers.broker_url)
    await admin.start()
    await producer.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
        async with own_database(servers) as own:
            await migrate(own.database_url)
            yield World(own, topic, producer)
    finally:
        await producer.stop()
        await admin.close()


@dataclass
class World:
    """What a copy works on."""

    own: TestServers
    topic: str
    producer: AIOKafkaProducer

    def setting(self, after_s: float) -> Setting:
        now_s = NOW_S + 10 + after_s
        return Setting(self.own.broker_url, self.own.database_url, self.topic, CALLS, now_s)

    async def live(self, until: str, step: str | None) -> None:
        """Let the life go on to a stage; a copy dies at the step in each."""
        for stage, (records, after_s) in LIFE.items():
            for record in records:
                await self.producer.send_and_wait(self.topic, encoded(record), partition=0)
            if step is not None:
                await asyncio.to_thread(correlator_copy.read, self.setting(after_s), step)
            await asyncio.to_thread(correlator_copy.read, self.setting(after_s))
            if stage == until:
                return


async def outcome(servers: TestServers, step: str | None) -> dict[str, Any]:
    """What is stored at last, when a copy dies at a step each time that something is read."""
    async with correlating(servers) as world:
        await world.live("over", step)
        return await stored(world.own)


async def stored(own: TestServers) -> dict[str, Any]:
    database = Database(own.database_url)
    async with database.connection() as con:
        found = {
            "incidents": await con.fetch("SELECT * FROM incidents ORDER BY id"),
            "lines": await con.fetch(
                "SELECT incident_id, kind, actor, data FROM incident_events ORDER BY id"
            ),
            "events": await con.fetch("SELECT topic, key, value FROM outbox ORDER BY id"),
            "groups": await con.fetch("SELECT incident_id FROM correlation_groups"),
            "waiting": await con.fetch("SELECT record_offset FROM correlation_waiting"),
            "told": await con.fetch("SELECT incident_id FROM correlation_told"),
        }
    await database.stop()
    return {name: [dict(row) for row in rows] for name, rows in found.items()}


@pytest.fixture(scope="module")
def undisturbed(servers: TestServers) -> dict[str, Any]:
    return asyncio.run(outcome(servers, None))


def test_the_life_has_all_that_can_happen(undisturbed: dict[str, Any]) -> None:
    told = [(json.loads(one["value"])["service_name"], json.loads(one["value"])["status"])
            for one in undisturbed["events"]]  # fmt: skip
    assert told == [
        ("cart", "open"), ("lone", "open"), ("lone", "resolved"), ("db", "open"),
        ("db", "open"), ("pay", "open"), ("db", "resolved"), ("pay", "resolved"),
    ]  # fmt: skip
    assert not undisturbed["groups"] + undisturbed["waiting"] + undisturbed["told"]


@pytest.mark.parametrize("step", STEPS)
async def test_nothing_is_lost_and_nothing_doubled(
    servers: TestServers, undisturbed: dict[str, Any], step: str
) -> None:
    assert await outcome(servers, step) == undisturbed


async def test_what_a_person_parts_is_parted_wholly_or_not(servers: TestServers) -> None:
    async with correlating(servers) as world:
        await world.live("settled", None)
        setting = world.setting(100)
        before = await stored(world.own)
        (incident,) = (one for one in before["incidents"] if one["service_name"] == "db")
        for step in PARTING_STEPS:
            await asyncio.to_thread(
                correlator_copy.split, setting, str(incident["id"]), "cart", step
            )
            assert await stored(world.own) == before
        await asyncio.to_thread(correlator_copy.split, setting, str(incident["id"]), "cart")
        parted = await stored(world.own)
        new = {one["id"] for one in parted["incidents"]} - {
            one["id"] for one in before["incidents"]
        }
        for step in PARTING_STEPS:
            await asyncio.to_thread(correlator_copy.undo, setting, str(*new), step)
            assert await stored(world.own) == parted
        await asyncio.to_thread(correlator_copy.undo, setting, str(*new))
        (again,) = (
            one for one in (await stored(world.own))["incidents"] if one["id"] == incident["id"]
        )
        assert again["affected_services"] == incident["affected_services"]


@pytest.mark.parametrize("step", ["alert not told", "alert told, not forgotten"])
async def test_an_alert_told_after_its_silence_is_one_incident(
    servers: TestServers, step: str
) -> None:
    async with correlating(servers) as world:
        database = Database(world.own.database_url)
        await note_alerts(database, [DB], [])
        setting = world.setting(0)
        await asyncio.to_thread(correlator_copy.tell_alerts, setting, step)
        await asyncio.to_thread(correlator_copy.tell_alerts, setting)
        await asyncio.to_thread(correlator_copy.read, setting)
        async with database.connection() as con:
            assert await con.fetchval("SELECT count(*) FROM muted_alerts") == 0
        await database.stop()
        found = await stored(world.own)
        assert [one["service_name"] for one in found["incidents"]] == ["db"]
        assert len(found["events"]) == 1
