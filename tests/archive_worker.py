"""An archive worker of its own on the test servers, to be killed and started again."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from liveops.embedded import workers
from liveops.embedded.layout import Layout
from liveops.embedded.part import Running, end, spawn
from liveops.settings import Settings
from tests.client import eventually
from tests.stack import AnyPort, TestServers

HOST = "127.0.0.1"
GROUP = "liveops-archive"


@dataclass(slots=True)
class ArchiveWorker:
    """Start, kill, ask and feed it."""

    servers: TestServers
    settings: Settings
    running: Running | None = None

    def start(self) -> None:
        """Start it; returns at once."""
        copies = workers.plan({}, AnyPort(HOST))
        copy = next(item for item in copies if item.name == "archive")
        told = {
            "LIVEOPS_CONFIG": os.devnull,
            "LIVEOPS_DATA_DIR": str(self.servers.data_dir),
            "LIVEOPS_BROKER_URL": self.servers.broker_url,
            "LIVEOPS_DATABASE_URL": self.servers.database_url,
            "LIVEOPS_REDIS_URL": self.servers.redis_url,
            "LIVEOPS_JWT_SECRET": "x" * 40,
        }
        part = workers.worker_part(copy, HOST, told, workers.LIVEOPS)
        self.running = spawn(part, Layout(self.servers.data_dir))

    def kill(self) -> None:
        """SIGKILL."""
        if self.running is not None:
            self.running.process.send_signal(signal.SIGKILL)
            self.running.process.wait()
            self.running = None

    async def stop(self) -> None:
        """SIGTERM."""
        if self.running is not None:
            await end(self.running, Layout(self.servers.data_dir))
            self.running = None

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
