"""The three servers keep their data through kill -9, zombies and false pid files."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis.asyncio import Redis
from redis.exceptions import RedisError

from liveops.embedded.layout import Layout
from liveops.embedded.part import stop_leftovers
from liveops.embedded.process import PidRecord, is_running, read_pid_file, write_pid_file
from liveops.embedded.servers import ALL, Servers, start_servers
from tests.stack import AnyPort, temporary_data_dir

pytestmark = pytest.mark.integration
TOPIC = "survivors"
RECORDS = 1000


@pytest.fixture
def layout() -> Iterator[Layout]:
    with temporary_data_dir() as found:
        yield found


async def _start(layout: Layout, *names: str) -> Servers:
    ports = AnyPort("127.0.0.1")
    return await start_servers(layout, print, names=names or ALL, ports=ports, sync=False)


def _kill(servers: Servers, *, reap: bool) -> None:
    """SIGKILL all; without `reap` they stay zombies, as under a careless PID 1."""
    for running in servers.running.values():
        os.kill(running.identity.pid, signal.SIGKILL)
        if reap:
            running.process.wait()


async def _write(servers: Servers) -> None:
    broker = servers.url("kafka")
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=broker, enable_idempotence=True)
    await producer.start()
    sent = [await producer.send(TOPIC, b"%d" % n, partition=0) for n in range(RECORDS)]
    await asyncio.gather(*sent)
    await producer.stop()
    connection = await asyncpg.connect(servers.url("postgres"))
    await connection.execute("CREATE TABLE survivors AS SELECT generate_series(1, 1000) AS n")
    await connection.close()
    redis = Redis.from_url(servers.url("valkey"))
    await redis.set("survivor", "yes")
    await redis.aclose()


async def _assert_all_there(servers: Servers) -> None:
    partition = TopicPartition(TOPIC, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.url("kafka"))
    await consumer.start()
    assert (await consumer.end_offsets([partition]))[partition] == RECORDS
    consumer.assign([partition])
    await consumer.seek_to_beginning(partition)
    values = [(await consumer.getone()).value for _ in range(RECORDS)]
    await consumer.stop()
    assert values == [b"%d" % n for n in range(RECORDS)]
    connection = await asyncpg.connect(servers.url("postgres"))
    assert await connection.fetchval("SELECT count(*) FROM survivors") == 1000
    await connection.close()
    redis = Redis.from_url(servers.url("valkey"))
    assert await redis.get("survivor") == b"yes"
    await redis.aclose()


@pytest.mark.parametrize("reap", [True, False], ids=["reaped", "zombies"])
async def test_all_data_is_back_after_kill_9(layout: Layout, reap: bool) -> None:
    first = await _start(layout)
    await _write(first)
    _kill(first, reap=reap)
    await stop_leftovers(layout, print)

    second = await _start(layout)
    try:
        await _assert_all_there(second)
    finally:
        await second.stop()
        for running in first.running.values():
            running.process.wait()


async def test_servers_left_by_a_killed_supervisor_are_stopped_by_their_record(
    layout: Layout,
) -> None:
    servers = await _start(layout)
    await _write(servers)
    # Nobody stopped them: what the next supervisor finds are only pid files.
    await stop_leftovers(layout, print)
    assert not any(is_running(running.identity) for running in servers.running.values())
    assert list(layout.run.glob("*.pid")) == []
    again = await _start(layout)
    try:
        await _assert_all_there(again)
    finally:
        await again.stop()


async def test_a_stranger_with_the_recorded_pid_is_spared(layout: Layout) -> None:
    first = await _start(layout, "postgres")
    _kill(first, reap=True)
    stranger = subprocess.Popen(["sleep", "300"])
    try:
        _claim(layout, stranger.pid)
        await stop_leftovers(layout, print)
        second = await _start(layout, "postgres")
        await second.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def _claim(layout: Layout, pid: int) -> None:
    """Write `pid` where the killed server's pid stood, as after a wrap-around."""
    postmaster = layout.postgres / "data" / "postmaster.pid"
    lines = postmaster.read_text().splitlines(keepends=True)
    postmaster.write_text(f"{pid}\n" + "".join(lines[1:]))
    record = PidRecord(pid, "another birth", "server", signal.SIGINT, 5.0)
    write_pid_file(layout.pid_file("postgres"), record)
    assert read_pid_file(layout.pid_file("postgres")) is None


async def test_everything_listens_on_loopback_and_asks_for_a_password(layout: Layout) -> None:
    servers = await _start(layout, "postgres", "valkey")
    try:
        for running in servers.running.values():
            assert _listening_addresses(running.identity.pid) == {"0100007F"}
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(servers.url("postgres"), password="wrong")
        bare = Redis(port=servers.running["valkey"].part.port)
        with pytest.raises(RedisError, match="authenticat"):
            await bare.ping()
        await bare.aclose()
    finally:
        await servers.stop()
    for secret in layout.secrets.iterdir():
        assert secret.stat().st_mode & 0o777 == 0o600


def _listening_addresses(pid: int) -> set[str]:
    """Local addresses (hex) on which the process listens, from /proc."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        target = os.readlink(descriptor)
        if target.startswith("socket:["):
            sockets.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                found.add(fields[1].split(":")[0])
    return found
