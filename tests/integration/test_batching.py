"""The batching transport on a real broker: kill -9, rebalances, low rates, ordinary topics.

A probe (tests/batching_probe.py) writes down what it reads and, before it acknowledges,
what it is about to acknowledge; the committed offset must never be ahead of the notes.
"""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.batching_probe import Note, Plan, read_notes
from tests.client import eventually
from tests.stack import TestServers, clean_environment

pytestmark = pytest.mark.integration
PARTITIONS = 4
RECORDS = 20_000
KILLS = 4
#: With 6 s session timeout a killed member delays its successor so long, and more.
DEADLINE_S = 60.0


class Bench:
    """Topics of one test, its producer, its probes and their notes."""

    def __init__(self, plan: Plan, producer: AIOKafkaProducer, asker: AIOKafkaConsumer) -> None:
        self.plan = plan
        self.producer = producer
        self._asker = asker
        self._running: list[subprocess.Popen[bytes]] = []
        self.ends = [0] * PARTITIONS

    def start(self, **changes: object) -> subprocess.Popen[bytes]:
        """A probe in a process of its own."""
        plan = msgspec.json.encode(msgspec.structs.replace(self.plan, **changes)).decode()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.batching_probe", plan],
            env=clean_environment(),
            cwd=Path(__file__).parents[2],
        )
        self._running.append(process)
        return process

    def end_all(self) -> None:
        """No probe outlives its test."""
        for process in self._running:
            process.kill()
            process.wait()

    async def fill(self, partition: int, count: int, size: int = 8) -> None:
        """Append records of `size` bytes to a partition, in batches."""
        left = count
        while left:
            batch = self.producer.create_batch()
            while left and batch.append(key=None, value=b"v" * size, timestamp=None) is not None:
                left -= 1
            await (await self.producer.send_batch(batch, self.plan.chunks, partition=partition))
        self.ends[partition] += count

    def notes(self, kind: str) -> list[Note]:
        """All notes of a kind."""
        return [note for note in read_notes(Path(self.plan.notes)) if note.kind == kind]

    async def noted(self, kind: str, count: int, pid: int | None = None) -> None:
        """Wait until so many notes were taken (by one probe)."""

        async def enough() -> bool:
            return sum(pid in (None, note.pid) for note in self.notes(kind)) >= count

        await eventually(enough, f"{count} notes of {kind}", DEADLINE_S)

    async def committed(self, topic: str | None = None) -> list[int]:
        """The group's committed offsets by partition."""
        name = topic or self.plan.chunks
        places = [TopicPartition(name, number) for number in range(PARTITIONS)]
        return [await self._asker.committed(place) or 0 for place in places]

    async def all_committed(self) -> None:
        """Wait until the group has committed the end of every partition."""

        async def done() -> bool:
            return await self.committed() == self.ends

        try:
            await eventually(done, "the last commit", DEADLINE_S)
        except AssertionError:
            pytest.fail(f"stuck: committed {await self.committed()} of {self.ends}")


def prefix(notes: Iterable[Note]) -> list[int]:
    """By partition: the offset up to which the notes cover every record."""
    ends = [0] * PARTITIONS
    for note in sorted(notes, key=lambda note: (note.partition, note.first)):
        assert note.records == note.last - note.first + 1, f"a hole in {note}"
        if note.first <= ends[note.partition]:
            ends[note.partition] = max(ends[note.partition], note.last + 1)
    return ends


def assert_contiguous(notes: Iterable[Note]) -> None:
    """One process read each partition without a gap or a repetition."""
    last: dict[tuple[int, int], int] = {}
    for note in notes:
        before = last.get((note.pid, note.partition), note.first - 1)
        assert note.first == before + 1, f"{note} follows offset {before}"
        last[note.pid, note.partition] = note.last


@pytest.fixture
async def bench(servers: TestServers, tmp_path: Path) -> AsyncIterator[Bench]:
    name = f"probe-{uuid4().hex[:8]}"
    plan = Plan(
        broker_url=servers.broker_url,
        data_dir=str(tmp_path),
        notes=str(tmp_path / "notes"),
        name=name,
        chunks=f"{name}.chunks",
        plain=f"{name}.plain",
        partitions=PARTITIONS,
        seed=7,
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.broker_url)
    producer = AIOKafkaProducer(bootstrap_servers=servers.broker_url, acks="all")
    asker = AIOKafkaConsumer(
        bootstrap_servers=servers.broker_url, group_id=plan.group, enable_auto_commit=False
    )
    for client in (admin, producer, asker):
        await client.start()
    await admin.create_topics([NewTopic(t, PARTITIONS, 1) for t in (plan.chunks, plan.plain)])
    bench = Bench(plan, producer, asker)
    try:
        yield bench
    finally:
        bench.end_all()
        await asyncio.gather(asker.stop(), producer.stop(), admin.close())


async def test_kill_9_loses_nothing(bench: Bench) -> None:
    await asyncio.gather(*(bench.fill(number, RECORDS) for number in range(PARTITIONS)))
    moments = random.Random(20_251)
    slow = {"max_records": 250, "work_s": 0.02, "hold_s": 0.3}
    for kill in range(KILLS):
        probe = bench.start(seed=kill, **slow)
        await bench.noted("ack", moments.randint(1, 60), probe.pid)
        probe.send_signal(signal.SIGKILL)
        probe.wait()
        safe, committed = prefix(bench.notes("ack")), await bench.committed()
        assert all(at <= end for at, end in zip(committed, safe, strict=True)), (committed, safe)
        assert committed != bench.ends, "nothing was left to kill"
    bench.start(seed=KILLS, **slow)
    await bench.all_committed()
    assert prefix(bench.notes("ack")) == [RECORDS] * PARTITIONS
    assert_contiguous(bench.notes("read"))


async def test_members_come_and_go_under_load(bench: Bench) -> None:
    pace = {"max_records": 50, "work_s": 0.01, "hold_s": 0.2}

    async def load() -> None:
        while True:
            await asyncio.gather(*(bench.fill(number, 100) for number in range(PARTITIONS)))
            await asyncio.sleep(0.05)

    loading = asyncio.create_task(load())
    first = bench.start(**pace)
    await bench.noted("ack", 20, first.pid)
    for seed in (1, 2):
        second = bench.start(seed=seed, **pace)
        await bench.noted("ack", 20, second.pid)
        before = len(bench.notes("read"))
        second.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(second.wait, DEADLINE_S) == 0
        await bench.noted("ack", before + 40)
    loading.cancel()
    with suppress(asyncio.CancelledError):
        await loading
    await settle_ends(bench)
    await bench.all_committed()
    assert prefix(bench.notes("ack")) == bench.ends
    owners = defaultdict(set)
    for note in bench.notes("read"):
        owners[note.pid].add(note.partition)
    assert owners[first.pid] == set(range(PARTITIONS))
    assert len(owners) == 3


async def settle_ends(bench: Bench) -> None:
    """A cancelled `fill` may have sent more than it counted: ask the broker."""
    ends = await bench._asker.end_offsets(
        [TopicPartition(bench.plan.chunks, number) for number in range(PARTITIONS)]
    )
    bench.ends = [ends[TopicPartition(bench.plan.chunks, n)] for n in range(PARTITIONS)]


async def test_backlog_in_bounded_chunks_then_single_records(bench: Bench) -> None:
    max_records, max_bytes = 300, 20_000
    await bench.fill(0, 5000, size=8)  # bounded by records
    await bench.fill(1, 1000, size=900)  # bounded by bytes
    bench.start(max_records=max_records, max_bytes=max_bytes)
    await bench.all_committed()
    notes = bench.notes("read")
    assert max(note.records for note in notes if note.partition == 0) == max_records
    assert max(note.records for note in notes if note.partition == 1) == -(-max_bytes // 900)
    assert all(note.records <= max_records for note in notes)
    assert all(note.bytes_ - note.last_bytes < max_bytes for note in notes)
    assert_contiguous(notes)
    for number in range(12):
        partition = number % PARTITIONS
        await bench.fill(partition, 1)
        await bench.noted("read", len(notes) + number + 1)
        note, end = bench.notes("read")[-1], bench.ends[partition]
        assert (note.partition, note.first, note.last, note.records) == (
            partition,
            end - 1,
            end - 1,
            1,
        )
    await bench.all_committed()


async def test_an_ordinary_topic_beside_it_gets_single_messages(bench: Bench) -> None:
    plain = bench.plan.plain
    for number in range(200):
        await bench.producer.send(plain, b"p" * (number + 1), partition=number % PARTITIONS)
    await bench.producer.flush()
    await bench.fill(0, 100)
    bench.start()
    await bench.noted("plain", 200)
    notes = bench.notes("plain")
    found = sorted((note.partition, note.first, note.bytes_) for note in notes)
    assert found == [(n % 4, n // 4, n + 1) for n in sorted(range(200), key=lambda n: (n % 4, n))]
    assert_contiguous(notes)

    async def committed() -> bool:
        return await bench.committed(plain) == [50] * PARTITIONS

    await eventually(committed, "the commit of the ordinary topic")
    await bench.all_committed()
    assert prefix(bench.notes("ack")) == [100, 0, 0, 0]
