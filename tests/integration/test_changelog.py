"""A table's changelog on a real broker: written in batches, read back whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import uuid4

import faust
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from liveops.errors import Unavailable
from liveops.kafka.offsets import LogOffsets
from liveops.kafka.partitioning import partition_of
from liveops.kafka.producer import Outgoing, Producer
from liveops.settings import Settings
from tables.checkpointed import CheckpointedTable, declare
from tests.client import eventually
from tests.stack import TestServers

pytestmark = pytest.mark.integration
PARTITIONS = 4
SERVICES = [f"svc-{n}" for n in range(9)]


class Changelog:
    """A table as two workers see it, one after the other."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.allowed = True
        self.producer = Producer(settings, deadline_s=2.0, may_send=lambda: self.allowed)
        self.log = LogOffsets(settings)
        self._name = name

    def worker(self) -> CheckpointedTable:
        """The table of a worker that has just started."""
        app = faust.App(self._name, broker="memory://", store="memory://")
        return declare(cast(Any, app), "windows", PARTITIONS, self.producer, lambda: True)


@pytest.fixture
async def changelog(servers: TestServers) -> AsyncIterator[Changelog]:
    settings = Settings(data_dir=servers.data_dir, broker_url=servers.broker_url)
    made = Changelog(settings, f"t{uuid4().hex[:8]}")
    topic = made.worker().changelog_topic.get_topic_name()
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.broker_url)
    await admin.start()
    compact = {"cleanup.policy": "compact"}
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1, topic_configs=compact)])
    await admin.close()
    yield made
    await made.producer.stop()
    await made.log.stop()


async def test_the_next_owner_reads_what_was_written_last(changelog: Changelog) -> None:
    first = changelog.worker()
    large = b"x" * 250_000
    for number in range(200):
        for service in SERVICES:
            first[service.encode() + b"\x00h"] = b"%d" % number
    for service in SERVICES:
        first[service.encode() + b"\x00m"] = large
        first[service.encode() + b"\x00gone"] = b"1"
        del first[service.encode() + b"\x00gone"]
    await first.written()

    second = changelog.worker()
    second[b"svc-0\x00p1"] = b"of an earlier assignment"
    await second.reload(changelog.log, range(PARTITIONS))
    assert dict(second.items()) == dict(first.items())
    assert len(second) == 2 * len(SERVICES)


async def test_only_the_assigned_partitions_are_read(changelog: Changelog) -> None:
    first = changelog.worker()
    for service in SERVICES:
        first[service.encode() + b"\x00h"] = b"1"
    await first.written()
    home = partition_of(SERVICES[0], PARTITIONS)
    second = changelog.worker()
    await second.reload(changelog.log, {home})
    wanted = {s.encode() + b"\x00h" for s in SERVICES if partition_of(s, PARTITIONS) == home}
    assert set(second.keys()) == wanted


async def test_an_empty_changelog_gives_an_empty_table(changelog: Changelog) -> None:
    table = changelog.worker()
    table[b"svc-0\x00h"] = b"of an earlier assignment"
    await table.reload(changelog.log, {0, 1})
    assert not dict(table.items())


async def test_what_was_on_its_way_when_a_worker_was_frozen_is_held_back(
    changelog: Changelog,
) -> None:
    service, key = SERVICES[0], SERVICES[0].encode() + b"\x00h"
    home, first = partition_of(service, PARTITIONS), changelog.worker()
    topic = first.changelog_topic.get_topic_name()
    first[key] = b"1"
    await first.written()

    async def newest() -> bytes | None:
        return (await changelog.log.newest_values(topic, [home])).get(key)

    changelog.allowed = False  # the session has run out since the table was asked
    with pytest.raises(Unavailable):
        await changelog.producer.send_in_order(topic, home, [Outgoing(key.decode(), b"old")])
    assert await newest() == b"1"
    changelog.allowed = True

    async def sent() -> bool:
        return await newest() == b"old"

    await eventually(sent, "what was held back")
