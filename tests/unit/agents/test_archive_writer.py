"""Writers of the archive: order, replays, trouble and rebalances."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from agents.archive.writer import PartitionWriter
from liveops.errors import Unavailable
from liveops.postgres.database import Database
from tests.unit.agents.archive_doubles import TOPIC, Event, Flow, Offsets, Store, until


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.archive.writer._LONGEST_PAUSE_S", 0.001)
    monkeypatch.setattr("agents.archive.writer._POLL_S", 0.001)
    monkeypatch.setattr("agents.archive.agent._LONGEST_PAUSE_S", 0.001)


def writer(store: Store, flow: Flow) -> PartitionWriter:
    database = cast(Database, store)
    turns = asyncio.Semaphore(2)
    return PartitionWriter(TOPIC, 0, Offsets(), database, cast(Any, flow), turns)


async def put(to: PartitionWriter, *events: Event) -> None:
    for event in events:
        await to.put(cast(Any, event))


async def test_chunks_that_wait_become_one_transaction_in_order() -> None:
    store, events = Store(), [Event(0, 4), Event(5, 5), Event(6, 9)]
    to = writer(store, Flow())
    await put(to, *events)
    assert not store.rows  # not admitted yet
    to.admit()
    await until(*events)
    assert (store.rows, store.offset, store.transactions) == (list(range(10)), 10, 1)


async def test_what_is_stored_is_skipped_to_the_record() -> None:
    store, events = Store(), [Event(0, 4), Event(5, 9), Event(10, 11)]
    store.offset = 7
    to = writer(store, Flow())
    to.admit()
    await put(to, *events)
    await until(*events)
    assert (store.rows, store.offset) == ([7, 8, 9, 10, 11], 12)


@pytest.mark.usefixtures("quick")
async def test_trouble_is_waited_out_and_nothing_is_acknowledged_before() -> None:
    store, event, flow = Store(), Event(0, 4), Flow()
    store.troubles = [Unavailable("postgres"), RuntimeError("odd"), Unavailable("postgres")]
    to = writer(store, flow)
    to.admit()
    await put(to, event)
    await until(event)
    assert (store.rows, store.troubles) == ([0, 1, 2, 3, 4], [])


@pytest.mark.usefixtures("quick")
async def test_an_offset_moved_by_another_owner_is_not_written_over() -> None:
    store, event = Store(), Event(0, 4)
    store.overtaken_to = 3
    to = writer(store, Flow())
    to.admit()
    await put(to, event)
    await until(event)
    assert (store.rows, store.offset) == ([3, 4], 5)


@pytest.mark.usefixtures("quick")
async def test_a_rebalance_while_postgres_is_away_gets_the_chunks_back() -> None:
    store, event, flow = Store(), Event(0, 4), Flow()
    store.troubles = [Unavailable("postgres")] * 1000
    to = writer(store, flow)
    to.admit()
    await put(to, event)
    flow.rebalancing = True
    async with asyncio.timeout(5):
        await flow.changed.wait()
    assert flow.released == [event]
    assert not event.acked.is_set()


@pytest.mark.usefixtures("quick")
async def test_a_rebalance_before_the_admission_gets_the_chunks_back() -> None:
    event, flow = Event(0, 4), Flow()
    to = writer(Store(), flow)
    await put(to, event)
    flow.rebalancing = True
    async with asyncio.timeout(5):
        await flow.changed.wait()
    assert flow.released == [event]


@pytest.mark.usefixtures("quick")
async def test_a_stored_offset_that_goes_back_quarantines_the_partition() -> None:
    store, first, second, flow = Store(), Event(0, 4), Event(5, 9), Flow()
    to = writer(store, flow)
    to.admit()
    await put(to, first)
    await until(first)
    store.offset = 2  # a backup was restored
    await put(to, second)
    async with asyncio.timeout(5):
        await flow.changed.wait()
    assert store.rows == [0, 1, 2, 3, 4]
    assert "restart the archive" in to.quarantined


async def test_after_going_back_the_chunks_from_before_are_dropped() -> None:
    store, flow = Store(), Flow()
    events = [Event(5, 9), Event(0, 4), Event(5, 9)]
    to = writer(store, flow)
    await put(to, *events)
    to.admit(stale_from=5)
    await until(*events)
    assert store.rows == list(range(10))


@pytest.mark.usefixtures("quick")
async def test_a_writer_that_fails_is_started_again_and_goes_on_with_its_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("liveops.runtime.retry.FIRST_S", 0.001)
    store, events = Store(), [Event(0, 4), Event(5, 9)]
    acked, failures = events[0].ack, [RuntimeError("odd")]

    def ack() -> None:
        if failures:
            raise failures.pop()
        acked()

    monkeypatch.setattr(events[0], "ack", ack)
    to = writer(store, Flow())
    to.admit()
    await put(to, *events)
    await until(*events)
    assert (store.rows, store.offset) == (list(range(10)), 10)
    assert "odd" in to.fault
    to.cancel()
