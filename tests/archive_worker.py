"""An archive worker of its own on the test servers, to be killed and started again."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from tests.client import eventually
from tests.own_worker import OwnWorker

GROUP = "liveops-archive"


class ArchiveWorker(OwnWorker):
    """Ask and feed it as well."""

    async def health(self) -> tuple[int, str]:
        """Status and text of its readiness; 0 while it does not answer."""
        assert self.running is not None
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(self.running.part.url + "/actuator/health/readiness") as response,
            ):
                return response.status, await response.text()
        except aiohttp.ClientError:
            return 0, ""

    async def send(self, topic: str, partition: int, *values: bytes | None) -> list[Any]:
        """Put records on a partition; their places."""
        producer = AIOKafkaProducer(bootstrap_servers=self.servers.broker_url)
        await producer.start()
        try:
            sent = [await producer.send(topic, v, partition=partition, key=b"k") for v in values]
            return list(await asyncio.gather(*sent))
        finally:
            await producer.stop()

    async def rewind(self, topic: str) -> None:
        """Set the group's committed offsets to 0; waits until the dead member is forgotten."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.servers.broker_url, group_id=GROUP, enable_auto_commit=False
        )
        await consumer.start()
        wanted = {TopicPartition(topic, n): 0 for n in range(self.settings.partitions)}
        consumer.assign(list(wanted))

        async def committed() -> bool:
            try:
                await consumer.commit(wanted)
            except KafkaError:
                return False
            return True

        try:
            await eventually(committed, "the rewind")
        finally:
            await consumer.stop()
