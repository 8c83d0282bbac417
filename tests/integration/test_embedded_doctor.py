"""`liveops doctor` on real servers: all well, and what it says when they are not."""

from __future__ import annotations

import asyncpg
import msgspec
import pytest
from aiokafka.admin import NewTopic

from liveops.cli.doctor import CHECKS, Finding, examine
from liveops.cli.recreated import CHANGELOG, forget, shortfalls
from liveops.embedded.ports import any_free
from liveops.kafka.partitioning import partition_of
from liveops.kafka.producer import Producer
from liveops.kafka.topics import admin_client, ensure_topics
from liveops.postgres.migrate import migrate
from liveops.settings import Settings, load_settings
from schema.topics import RAW
from tables.windows import Header
from tests.stack import TestServers, clean_environment

pytestmark = pytest.mark.integration


def _settings(servers: TestServers, **overrides: object) -> Settings:
    given = {
        "data_dir": servers.data_dir,
        "broker_url": servers.broker_url,
        "database_url": servers.database_url,
        "redis_url": servers.redis_url,
    }
    return load_settings({**given, **overrides}, environment=clean_environment())


async def _examine(settings: Settings) -> dict[str, Finding]:
    return {finding.check: finding for finding in await examine(settings)}


async def test_all_is_well_on_a_prepared_stack(servers: TestServers) -> None:
    settings = _settings(servers)
    await ensure_topics(settings)
    await migrate(servers.database_url)
    await forget(settings, await shortfalls(settings))  # what other tests have left
    found = await _examine(settings)
    assert list(found) == [check.name for check in CHECKS]
    assert [finding for finding in found.values() if not finding.ok] == []
    assert "[1, 11, 16]" in found["broker offsets"].detail


async def test_state_of_a_recreated_topic_is_found_and_forgotten(servers: TestServers) -> None:
    settings = _settings(servers)
    await ensure_topics(settings)
    await migrate(servers.database_url)
    await forget(settings, await shortfalls(settings))  # what other tests have left
    beyond = 1_000_000
    header = Header(0.0, 0.0, 0.0, {0: beyond - 1}, {0: 0.0}, {}, [], 0, [])
    home = partition_of("shop", settings.partitions)
    await _create_changelog(settings)
    producer = Producer(settings)
    await producer.send(CHANGELOG, "shop\x00h", msgspec.msgpack.encode(header), partition=home)
    await producer.stop()
    con = await asyncpg.connect(servers.database_url)
    await con.execute(
        "INSERT INTO sink_offsets (sink, topic, partition, next_offset)"
        " VALUES ('doctor', $1, 1, $2)",
        RAW,
        beyond,
    )
    found = (await _examine(settings))["recreated topics"]
    assert not found.ok
    assert "windows hold it up to 1000000" in found.detail
    assert f"{RAW}/1 ends at offset" in found.detail
    assert "doctor hold it" in found.detail

    items = await shortfalls(settings)
    assert {(item.holder, item.partition, item.home) for item in items} == {
        ("windows", 0, home),
        ("doctor", 1, 1),
    }
    await forget(settings, items)
    assert (await _examine(settings))["recreated topics"].ok
    assert await con.fetchval("SELECT count(*) FROM sink_offsets WHERE sink = 'doctor'") == 0
    await con.close()


async def _create_changelog(settings: Settings) -> None:
    topic = NewTopic(CHANGELOG, settings.partitions, 1, topic_configs={"cleanup.policy": "compact"})
    async with admin_client(settings) as admin:
        if CHANGELOG not in await admin.list_topics():
            await admin.create_topics([topic])


async def test_each_absent_server_is_named_with_what_to_do(servers: TestServers) -> None:
    nobody = f"127.0.0.1:{any_free('127.0.0.1')}"
    settings = _settings(
        servers,
        broker_url=nobody,
        database_url=f"postgresql://liveops@{nobody}/liveops",
        redis_url=f"redis://{nobody}/0",
        openai_api_key="key",
        openai_base_url=f"http://{nobody}/v1",
    )
    found = await _examine(settings)
    assert [finding.check for finding in found.values() if finding.ok] == []
    for finding in found.values():
        assert finding.mend
        assert "\n" not in finding.detail


async def test_another_partition_count_is_noticed(servers: TestServers) -> None:
    settings = _settings(servers)
    await ensure_topics(settings)
    found = await _examine(settings.model_copy(update={"partitions": settings.partitions + 1}))
    assert not found["topics"].ok
    assert "partitions" in found["topics"].detail
