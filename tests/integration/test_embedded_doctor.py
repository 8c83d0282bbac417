"""`liveops doctor` on real servers: all well, and what it says when they are not."""

from __future__ import annotations

import pytest

from liveops.cli.doctor import CHECKS, Finding, examine
from liveops.embedded.ports import any_free
from liveops.kafka.topics import ensure_topics
from liveops.postgres.migrate import migrate
from liveops.settings import Settings, load_settings
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
    found = await _examine(settings)
    assert list(found) == [check.name for check in CHECKS]
    assert [finding for finding in found.values() if not finding.ok] == []
    assert "[1, 11, 16]" in found["broker offsets"].detail


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
