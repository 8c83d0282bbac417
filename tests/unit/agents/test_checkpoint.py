"""Checkpoints: what is safe is acknowledged, and reading waits when too little is."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.windows import agent as window_agent
from agents.windows.agent import WindowAgent
from agents.windows.checkpoint import Checkpointer
from liveops.clock import FakeClock
from liveops.errors import Unavailable
from liveops.kafka.chunks import Chunk
from liveops.kafka.partitioning import partition_of
from liveops.kafka.producer import Outgoing
from liveops.windows.state import WindowLimits
from schema.topics import AGGREGATED, RAW
from tests.windows_model import Log, LoggedTable

PARTITIONS = 2
NAMES = [f"shop-{n}" for n in range(20)]
#: A service of each partition.
SERVICES = [next(n for n in NAMES if partition_of(n, PARTITIONS) == p) for p in range(PARTITIONS)]
START_S = 1_700_000_100.0


class Table(LoggedTable):
    """A changelog that answers, or fails for good, by partition."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: set[int] = set()
        self.safe: list[int] = []

    async def surely_ours(self) -> None:
        pass

    async def written(self, partitions: Collection[int] | None = None) -> None:
        for number in range(PARTITIONS) if partitions is None else partitions:
            await asyncio.sleep(0)
            if number in self.lost:
                raise TimeoutError
            self.safe.append(number)


class Broker:
    """A producer that cannot reach some partitions."""

    def __init__(self) -> None:
        self.away: set[int] = set()
        self.sent: list[tuple[str, int]] = []

    async def send_in_order(self, topic: str, partition: int, records: Sequence[Outgoing]) -> None:
        if partition in self.away:
            raise Unavailable("kafka")
        await asyncio.sleep(0)
        self.sent += [(topic, partition)] * len(records)


class World:
    """A window agent with its checkpoints, and chunks for it."""

    def __init__(self) -> None:
        self.table, self.broker = Table(), Broker()
        live = cast(
            Any, SimpleNamespace(show=lambda records: None, add_closed=lambda windows: None)
        )
        self.released: list[Any] = []
        self.agent = WindowAgent(
            cast(Any, self.table),
            cast(Any, self.broker),
            live,
            WindowLimits(),
            partitions=PARTITIONS,
            max_age_s=1e9,
            release=self.released.append,
        )
        self.agent.load(set(range(PARTITIONS)))
        self.checkpointer = Checkpointer(
            self.agent, cast(Any, self.broker), live, FakeClock(), interval_s=0.0
        )
        self.acked: list[tuple[int, int]] = []
        self._log = Log(PARTITIONS, WindowLimits())

    def event(self, partition: int, *times_s: float) -> Any:
        """A chunk of the partition's service, one record for each event time."""
        records = self._log.records[(RAW, partition)]
        first = len(records)
        for time_s in times_s:
            item = {"service_name": SERVICES[partition], "metric_type": "cpu", "value": 1.0}
            self._log.append(partition, time_s, {**item, "timestamp": time_s})
        chunk = Chunk(RAW, partition, records[first:])
        message = SimpleNamespace(
            topic=RAW, partition=partition, value=chunk, offset=records[-1].offset
        )
        return SimpleNamespace(
            message=message, ack=lambda: self.acked.append((partition, message.offset))
        )

    async def take_minutes(self) -> None:
        """In each partition a chunk that closes a minute."""
        for partition in range(PARTITIONS):
            await self.agent.take(self.event(partition, START_S, START_S + 90.0))


async def test_what_is_stored_and_sent_is_acknowledged() -> None:
    world = World()
    await world.take_minutes()
    await world.checkpointer.round()
    assert world.acked == [(0, 1), (1, 1)]
    assert {(AGGREGATED, 0), (AGGREGATED, 1)} <= set(world.broker.sent)


@pytest.mark.parametrize("trouble", ["broker", "changelog"])
async def test_the_trouble_of_one_partition_leaves_the_others_whole(trouble: str) -> None:
    world = World()
    await world.take_minutes()
    if trouble == "broker":
        world.broker.away = {0}
    else:
        world.table.lost = {0}
    with pytest.raises(Unavailable if trouble == "broker" else TimeoutError):
        await world.checkpointer.round()
    assert world.acked == [(1, 1)]
    assert 1 in world.table.safe
    world.broker.away, world.table.lost = set(), set()
    await world.checkpointer.round()
    assert sorted(world.acked) == [(0, 1), (1, 1)]
    assert world.broker.sent.count((AGGREGATED, 0)) == world.broker.sent.count((AGGREGATED, 1))


async def test_a_lost_changelog_weighs_more_than_an_absent_broker() -> None:
    world = World()
    await world.take_minutes()
    world.broker.away, world.table.lost = {0}, {1}
    with pytest.raises(TimeoutError):
        await world.checkpointer.round()


async def test_reading_waits_until_a_checkpoint_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(window_agent, "_MOST_UNSTORED", 3)
    world = World()
    for number in range(2):
        await world.agent.take(world.event(0, *[START_S + number] * 2))
    waiting = asyncio.create_task(world.agent.take(world.event(1, START_S)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    assert world.agent.owned[1].unacknowledged == []
    await world.checkpointer.round()
    await waiting
    assert len(world.agent.owned[1].unacknowledged) == 1


async def test_a_chunk_that_waited_is_released_when_its_partition_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(window_agent, "_MOST_UNSTORED", 1)
    world = World()
    await world.agent.take(world.event(0, START_S, START_S))
    late = world.event(1, START_S)
    waiting = asyncio.create_task(world.agent.take(late))
    await asyncio.sleep(0)
    world.agent.give_up()
    await waiting
    assert world.released == [late]
