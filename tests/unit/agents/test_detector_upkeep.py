"""The detectors' checkpoint ends before a partition has its next owner; edges are learned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import pytest
from faust.types import TP

from agents.incidents import upkeep as module
from agents.incidents.detect import DetectAgent
from agents.incidents.remembering import Remembering
from agents.incidents.upkeep import DetectorUpkeep
from liveops.clock import FakeClock
from liveops.kafka.chunks import Chunk
from liveops.kafka.producer import Outgoing
from schema.incidents import read_detection
from schema.topics import AGGREGATED, WINDOWS_OPEN
from schema.windows import write_window
from tests.aggregates import window

BEYOND = "x" * 129


class Table(dict[bytes, bytes]):
    """A changelog whose acks are held back until `acked` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.acked = asyncio.Event()
        self.writing = asyncio.Event()
        self.data = self

    async def written(self) -> None:
        self.writing.set()
        await self.acked.wait()


class Database:
    """PostgreSQL's column of 128 characters."""

    def __init__(self) -> None:
        self.edges: list[tuple[str, str]] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Database]:
        yield self

    transaction = connection

    async def executemany(self, query: str, rows: list[tuple[Any, ...]]) -> None:
        for row in rows:
            for name in row[:2]:
                if len(name) > 128 or "\x00" in name:
                    raise asyncpg.StringDataRightTruncationError
        self.edges += [(row[0], row[1]) for row in rows]

    async def execute(self, query: str, *arguments: Any) -> None: ...


class Broker:
    """Remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    async def send_in_order(self, topic: str, partition: int, records: list[Outgoing]) -> None:
        self.sent += [read_detection(record.value or b"") for record in records]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MARKS_S", 0.0)
    monkeypatch.setattr(module, "_EDGES_S", 0.0)


class World:
    """Detectors of one partition without Kafka."""

    def __init__(self) -> None:
        self.table, self.database, self.clock = Table(), Database(), FakeClock()
        self.acked: list[int] = []
        self.deleted: dict[str, float] = {}
        config = SimpleNamespace(
            rules={},
            silences={},
            deleted=self.deleted,
            subscribe=lambda _: None,
            wait_ready=self._ready,
        )
        remembering = Remembering(cast(Any, self.database), self.clock)
        self.agent = DetectAgent(
            cast(Any, self.table), cast(Any, None), cast(Any, config), remembering, partitions=1
        )
        owned = {TP(AGGREGATED, 0), TP(WINDOWS_OPEN, 0)}
        consumer = SimpleNamespace(
            assignment=lambda: owned,
            highwater=lambda tp: 0,
            _read_offset={},
            unacknowledged_chunks=lambda topics: 0,
        )
        app = cast(Any, SimpleNamespace(consumer=consumer))
        self.broker = Broker()
        self.upkeep = DetectorUpkeep(
            app,
            self.agent,
            cast(Any, self.database),
            cast(Any, self.broker),
            self.clock,
            remembering,
        )
        self.upkeep.resume()

    async def _ready(self) -> None: ...

    async def stored(self) -> list[bytes]:
        """The table's keys after a checkpoint."""
        self.table.acked.set()
        await self.upkeep.checkpoint()
        return sorted(self.table)

    async def read(self, *windows: Any) -> None:
        """One chunk with these windows."""
        records = [
            SimpleNamespace(offset=number, value=write_window(item), timestamp=0)
            for number, item in enumerate(windows)
        ]
        chunk = Chunk(AGGREGATED, 0, cast(Any, records))
        event = SimpleNamespace(
            message=SimpleNamespace(value=chunk), ack=lambda: self.acked.append(1)
        )

        async def events() -> AsyncIterator[Any]:
            yield event

        stream = SimpleNamespace(noack=lambda: SimpleNamespace(events=events))
        await self.agent.run(cast(Any, stream))


async def test_revocation_waits_for_the_checkpoint_under_way() -> None:
    world = World()
    await world.read(window(0, 1.0))
    storing = asyncio.create_task(world.upkeep.checkpoint())
    await world.table.writing.wait()
    leaving = asyncio.create_task(world.upkeep.suspend())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not leaving.done()
    world.table.acked.set()
    await asyncio.gather(storing, leaving)
    assert world.acked == [1]


async def test_nothing_is_stored_after_revocation() -> None:
    world = World()
    await world.read(window(0, 1.0))
    await world.upkeep.suspend()
    await world.upkeep.checkpoint()
    assert (world.table, world.acked) == ({}, [])


async def test_a_checkpoint_that_does_not_end_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, exits = World(), list[int]()
    monkeypatch.setattr(module, "_SUSPEND_DEADLINE_S", 0.0)
    monkeypatch.setattr("os._exit", exits.append)
    await world.read(window(0, 1.0))
    storing = asyncio.create_task(world.upkeep.checkpoint())
    await world.table.writing.wait()
    await world.upkeep.suspend()
    assert exits == [70]
    storing.cancel()


@pytest.mark.parametrize("peer", [BEYOND, "a b", "nul\x00", "", "dépôt", "svc"])
async def test_a_peer_that_can_be_no_service_hinders_no_other_edge(
    peer: str,
) -> None:
    world = World()
    await world.read(window(0, 1.0, tags={"peer": peer}), window(1, 1.0, tags={"peer": "db"}))
    keeping = asyncio.create_task(world.upkeep.keep_edges())
    async with asyncio.timeout(5):
        while not world.database.edges:
            assert not keeping.done(), keeping.exception()
            await asyncio.sleep(0)
    keeping.cancel()
    assert world.database.edges == [("svc", "db")]


async def test_what_is_forgotten_is_deleted_from_the_table() -> None:
    world = World()
    await world.read(window(0, 1.0, tags={"pod": "a"}))
    assert await world.stored() == [b"svc\x00", b"svc\x00latency_ms{pod=a}"]
    await world.read(window(15 * 1440, 1.0, tags={"pod": "b"}))
    assert await world.stored() == [b"svc\x00", b"svc\x00latency_ms{pod=b}"]


async def test_a_service_that_is_gone_leaves_nothing() -> None:
    world = World()
    item = window(0, 1.0)
    await world.read(item)
    assert len(await world.stored()) == 2
    world.clock.advance(item.broker_time_s + 15 * 86_400 - world.clock.now_s())
    await world.upkeep.look_for_absence()
    assert (world.agent.services.by_name, await world.stored()) == ({}, [])
    await world.read(window(30 * 1440, 1.0))
    assert len(await world.stored()) == 2


async def test_a_partition_holds_so_many_series_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agents.incidents.leaving.MAX_SERIES", 100)
    world = World()
    for minute in range(300):
        items = [
            window(minute, 1.0, service_name=f"s{minute % 3}", tags={"pod": f"{minute}-{n}"})
            for n in range(3)
        ]
        await world.read(*items)
        assert sum(len(w.state.series) for w in world.agent.services.by_name.values()) <= 100
    keys = await world.stored()
    assert len([key for key in keys if not key.endswith(b"\x00")]) <= 100
    assert any(b"pod=299-" in key for key in keys)
    world.agent.load({0})
    assert len(await world.stored()) == len(keys)


async def test_a_service_whose_last_series_is_forced_out_is_gone_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agents.incidents.leaving.MAX_SERIES", 10)
    world = World()
    for minute in range(40):
        await world.read(window(minute, 1.0, service_name=f"pod-{minute}"))
    assert len(world.agent.services.by_name) <= 10
    assert len(await world.stored()) <= 20
