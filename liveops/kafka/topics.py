"""Creates all topics up front and checks that the broker agrees with `schema.topics`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from liveops.errors import Unavailable
from liveops.settings import Settings
from schema.topics import TOPICS, TopicSpec


@asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client; raises Unavailable("kafka")."""
    client = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    try:
        await client.start()
        yield client
    except (KafkaError, OSError) as error:
        raise Unavailable("kafka", f"kafka: {error}") from error
    finally:
        await client.close()


async def ensure_topics(settings: Settings) -> list[str]:
    """Create what is missing, set retention on what is there; returns the names created."""
    async with admin_client(settings) as client:
        existing = set(await client.list_topics())
        missing = [spec for spec in TOPICS if spec.name not in existing]
        await _create(client, missing, settings)
        for spec in TOPICS:
            if spec.name in existing:
                resource = ConfigResource(ConfigResourceType.TOPIC, spec.name, spec.config())
                await client.alter_configs([resource])
    return [spec.name for spec in missing]


async def _create(client: AIOKafkaAdminClient, specs: list[TopicSpec], settings: Settings) -> None:
    if not specs:
        return
    answer = await client.create_topics(
        [
            NewTopic(
                spec.name,
                num_partitions=spec.partitions or settings.partitions,
                replication_factor=settings.replication,
                topic_configs=spec.config(),
            )
            for spec in specs
        ]
    )
    for name, code, *rest in answer.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise Unavailable("kafka", f"topic {name}: {for_code(code).__name__} {rest}")


async def check_topics(settings: Settings) -> list[str]:
    """One line per topic that is missing or not as declared; empty when all is right."""
    async with admin_client(settings) as client:
        existing = set(await client.list_topics())
        faults = [f"topic {spec.name} is missing" for spec in TOPICS if spec.name not in existing]
        present = [spec for spec in TOPICS if spec.name in existing]
        for found in await client.describe_topics([spec.name for spec in present]):
            spec = next(item for item in present if item.name == found["topic"])
            count, wanted = len(found["partitions"]), spec.partitions or settings.partitions
            if count != wanted:
                faults.append(f"topic {spec.name} has {count} partitions, expected {wanted}")
        faults += await _wrong_configs(client, present)
    return faults


async def _wrong_configs(client: AIOKafkaAdminClient, specs: list[TopicSpec]) -> list[str]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, spec.name) for spec in specs]
    faults: list[str] = []
    for answer in await client.describe_configs(resources):
        for _, _, _, name, entries in answer.resources:
            spec = next(item for item in specs if item.name == name)
            actual = {entry[0]: entry[1] for entry in entries}
            faults += [
                f"topic {name}: {key} is {actual.get(key)}, expected {value}"
                for key, value in spec.config().items()
                if actual.get(key) != value
            ]
    return faults
