"""The questions `liveops doctor` asks. Each returns what it saw or raises what is wrong."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from liveops.cli.recreated import shortfalls
from liveops.errors import LiveOpsError
from liveops.kafka.topics import admin_client, check_topics
from liveops.postgres.migrate import missing
from liveops.settings import Settings, required

#: What a dependency may raise when it is not well.
ERRORS = (KafkaError, asyncpg.PostgresError, RedisError, aiohttp.ClientError, OSError)
BATCHES = (1, 10, 5)
EXPECTED_ENDS = (1, 11, 16)
CLOCK_LIMIT_S = 2.0
REDIS_OLDEST = 7
HTTP_TIMEOUT = aiohttp.ClientTimeout(total=10)


async def end_offsets(settings: Settings) -> str:
    """Batches of 1, 10 and 5 records must move the end offset to 1, 11 and 16.

    Some Kafka look-alikes count batches instead; tables recover up to that offset.
    """
    async with _scratch_topic(settings, {}) as topic:
        partition = TopicPartition(topic, 0)
        consumer = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap_servers)
        producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers)
        await consumer.start()
        try:
            await producer.start()
            seen = []
            for size in BATCHES:
                await _send_batch(producer, topic, size)
                seen.append((await consumer.end_offsets([partition]))[partition])
        finally:
            await producer.stop()
            await consumer.stop()
    if tuple(seen) != EXPECTED_ENDS:
        raise LiveOpsError(f"end offsets {seen} after batches {list(BATCHES)}: not {EXPECTED_ENDS}")
    return f"{settings.broker_url}: end offsets {seen} are exact"


async def _send_batch(producer: AIOKafkaProducer, topic: str, size: int) -> None:
    batch = producer.create_batch()
    for _ in range(size):
        batch.append(key=None, value=b"doctor", timestamp=None)
    batch.close()
    await (await producer.send_batch(batch, topic, partition=0))


async def topics(settings: Settings) -> str:
    """Partitions and retention of every topic are as declared."""
    faults = await check_topics(settings)
    if faults:
        raise LiveOpsError("; ".join(faults))
    return f"all as declared, {settings.partitions} partitions"


async def recreated(settings: Settings) -> str:
    """No state reaches beyond the end of the topic it was made from."""
    found = await shortfalls(settings)
    if found:
        raise LiveOpsError("; ".join(map(str, found)))
    return "no state reaches beyond its topic's end"


async def broker_clock(settings: Settings) -> str:
    """The broker stamps records; windows and retention go by that clock."""
    async with _scratch_topic(settings, {"message.timestamp.type": "LogAppendTime"}) as topic:
        producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers)
        await producer.start()
        try:
            before_s = time.time()
            record = await producer.send_and_wait(topic, b"doctor", partition=0)
            after_s = time.time()
        finally:
            await producer.stop()
    return _difference("broker", record.timestamp / 1000, before_s, after_s)


async def migrations(settings: Settings) -> str:
    """The database has every migration."""
    absent = await missing(required(settings, "database_url"))
    if absent:
        raise LiveOpsError(f"missing: {', '.join(absent)}")
    return "all applied"


async def database_clock(settings: Settings) -> str:
    """The difference between our clock and that of PostgreSQL."""
    connection = await asyncpg.connect(required(settings, "database_url"), timeout=10)
    try:
        before_s = time.time()
        theirs: datetime = await connection.fetchval("SELECT clock_timestamp()")
        after_s = time.time()
    finally:
        await connection.close()
    return _difference("PostgreSQL", theirs.astimezone(UTC).timestamp(), before_s, after_s)


async def redis(settings: Settings) -> str:
    """Redis answers, may be written, and is new enough."""
    client = Redis.from_url(required(settings, "redis_url"), socket_timeout=5)
    key = f"liveops:doctor:{uuid.uuid4()}"
    try:
        information = await client.info("server")
        await client.set(key, "1", ex=60)
        await client.delete(key)
    finally:
        await client.aclose()
    version = str(information["redis_version"])
    if int(version.split(".")[0]) < REDIS_OLDEST:
        raise LiveOpsError(f"version {version} is older than {REDIS_OLDEST}")
    return f"answers and takes writes (speaks Redis {version})"


async def language_model(settings: Settings) -> str:
    """The list of models answers and holds ours; costs no tokens."""
    if not settings.openai_api_key:
        return "no OPENAI_API_KEY: analyses use the fallback text"
    base = (settings.openai_base_url or "https://api.openai.com/v1").rstrip("/")
    headers = {"Authorization": f"Bearer {settings.openai_api_key}"}
    async with (
        aiohttp.ClientSession(timeout=HTTP_TIMEOUT, headers=headers) as session,
        session.get(f"{base}/models") as response,
    ):
        if response.status != 200:
            raise LiveOpsError(f"{base}/models answers {response.status}")
        models = {str(model.get("id")) for model in (await response.json()).get("data", [])}
    if models and settings.openai_model not in models:
        raise LiveOpsError(f"{base} does not offer the model {settings.openai_model}")
    return f"{base} answers, model {settings.openai_model}"


def _difference(whose: str, theirs_s: float, before_s: float, after_s: float) -> str:
    """How far their clock is from ours; a slow answer is no difference."""
    apart_s = max(before_s - theirs_s, theirs_s - after_s, 0.0)
    if apart_s > CLOCK_LIMIT_S:
        raise LiveOpsError(f"the clock of {whose} is {apart_s:.1f} s away from ours")
    return f"{whose} is within {apart_s:.3f} s of us"


@asynccontextmanager
async def _scratch_topic(settings: Settings, config: dict[str, str]) -> AsyncIterator[str]:
    name = f"liveops.doctor.{uuid.uuid4()}"
    async with admin_client(settings) as admin:
        topic = NewTopic(name, num_partitions=1, replication_factor=1, topic_configs=config)
        await admin.create_topics([topic])
        try:
            yield name
        finally:
            await admin.delete_topics([name])
