"""The batching transport without a broker, and the private parts of Faust it stands on."""

from __future__ import annotations

import asyncio
import inspect
import tomllib
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, version
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

import faust
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import consumer as consumer_module
from aiokafka.consumer import fetcher
from faust.transport import drivers
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage, Message

from liveops.kafka import batching, chunks, fetching
from liveops.kafka.batching import Consumer
from liveops.kafka.chunks import Chunk, Fetched

BATCHED, PLAIN = "unit.batched", "unit.plain"
TP0, OTHER = TP(BATCHED, 0), TP(PLAIN, 0)


def record(offset: int, size: int = 1) -> Any:
    return SimpleNamespace(
        topic=PLAIN,
        partition=0,
        offset=offset,
        timestamp=1000 * offset,
        timestamp_type=1,
        key=b"k",
        value=b"v" * size,
        headers=[],
        checksum=None,
        serialized_key_size=1,
        serialized_value_size=size,
    )


@pytest.fixture
async def consumer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A consumer of an app that is never started."""
    monkeypatch.setattr(fetcher, "PartitionRecords", fetcher.PartitionRecords)
    monkeypatch.setattr(fetcher, "FetchResult", fetcher.FetchResult)
    monkeypatch.setattr(consumer_module, "GroupCoordinator", consumer_module.GroupCoordinator)
    batching.register()
    app: Any = faust.App("unit", broker="batched://localhost", store="memory://")
    app.batched_topics = frozenset({BATCHED})
    app.topics._acking_topics.update({BATCHED, PLAIN})
    found = app.consumer
    assert isinstance(found, Consumer)
    return found


def fetched(*records: Any) -> Fetched:
    """What the consumer's thread gives of a batched topic, read from compressed batches."""
    found = Fetched()
    found.extend(records)
    found.append_ms.extend(item.timestamp for item in records)
    found.compressed = True
    return found


def deliver(consumer: Any, first: int, last: int, *, tracked: bool = True) -> Message:
    """What Faust makes of a chunk, up to the agent; untracked is a chunk it skips."""
    records = [record(offset) for offset in range(first, last + 1)]
    message: Message = consumer._to_message(TP0, Chunk(BATCHED, 0, records))
    consumer._hand_on(TP0, message)
    message.refcount = 1
    message.tracked = tracked
    if tracked:
        consumer.unacked.add(message)
    return message


def committable(consumer: Any) -> dict[TP, int]:
    """What Faust would commit now."""
    found: dict[TP, int] = consumer._filter_committable_offsets(list(consumer._acked))
    return found


# What it depends on.


def test_the_versions_it_was_written_for() -> None:
    assert (version("faust-streaming"), version("aiokafka")) == ("0.15.3", "0.14.0")


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (driver.Consumer._getmany, "self active_partitions timeout"),
        (driver.Consumer._to_message, "self tp record"),
        (driver.Consumer._add_gap, "self tp offset_from offset_to"),
        (driver.Consumer._new_offset, "self tp"),
        (driver.Consumer.ack, "self message"),
        (driver.Consumer.highwater, "self tp"),
        (driver.Consumer.seek, "self partition offset"),
        (driver.Consumer.perform_seek, "self"),
        (driver.Consumer.on_partitions_revoked, "self revoked"),
        (driver.Consumer._filter_tps_with_pending_acks, "self topics"),
        (fetcher.FetchResult.getall, "self max_records"),
        (fetcher.FetchResult.check_assignment, "self tp"),
        (
            ConsumerMessage.__init__,
            "self topic partition offset timestamp timestamp_type headers key value checksum "
            "serialized_key_size serialized_value_size tp time_in time_out time_total "
            "generation_id",
        ),
    ],
)
def test_signatures(function: Callable[..., Any], parameters: str) -> None:
    assert list(inspect.signature(function).parameters) == parameters.split()


def test_the_methods_faust_calls_are_its_own(consumer: Any) -> None:
    stock = type(consumer).__mro__[1]
    overridden = "_getmany _to_message ack _new_offset _add_gap on_partitions_revoked"
    for name in [*overridden.split(), "perform_seek", "seek"]:
        assert name in vars(Consumer)
        assert callable(getattr(stock, name))
    drain = driver.Consumer._drain_messages.__code__
    assert {"_add_gap", "_read_offset", "getmany"} <= set(drain.co_names) | set(drain.co_varnames)
    assert "_to_message" in driver.Consumer.getmany.__code__.co_names
    assert "_new_offset" in driver.Consumer._filter_committable_offsets.__code__.co_names
    assert "_acked" in driver.Consumer._filter_tps_with_pending_acks.__code__.co_names


def test_attributes(consumer: Any) -> None:
    assert consumer._acked[TP0] == []
    assert consumer._read_offset[TP0] is None
    assert consumer._waiting_for_ack is None
    assert consumer._n_acked == 0
    assert len(consumer._unacked_messages) == 0
    assert "tracked" in Message.__slots__
    assert ConsumerMessage.use_tracking
    assert consumer.app.consumer_generation_id is not None


def test_the_scheme_gives_this_transport(consumer: Any) -> None:
    assert drivers.TRANSPORTS.aliases["batched"] == "liveops.kafka.batching:Transport"
    assert isinstance(consumer.transport, batching.Transport)
    assert issubclass(batching.Transport, driver.Transport)


# Chunks.


async def fetch(consumer: Any, answer: dict[TP, list[Any]], highwater: int = 0) -> Any:
    """`_getmany` over what the thread would have fetched."""
    consumer._thread.getmany = AsyncMock(return_value=answer)
    consumer._thread.highwater = Mock(return_value=highwater)
    return await consumer._getmany(set(answer), 1.0)


async def test_records_are_one_chunk_and_other_topics_are_untouched(consumer: Any) -> None:
    plain = [record(0), record(1)]
    found = await fetch(consumer, {TP0: fetched(record(7), record(8)), OTHER: plain})
    assert found[OTHER] is plain
    (chunk,) = found[TP0]
    assert (chunk.topic, chunk.partition) == (BATCHED, 0)
    assert [item.offset for item in chunk.records] == [7, 8]
    assert list(chunk.append_ms) == [7000, 8000]
    message = consumer._to_message(TP0, chunk)
    assert (message.offset, message.timestamp, message.tp) == (8, 8.0, TP0)
    assert (message.value, message.tracked, message.acked) == (chunk, False, False)
    assert message.generation_id == consumer.app.consumer_generation_id


async def test_chunks_are_bounded_in_records(
    consumer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "MAX_CHUNK_RECORDS", 3)
    for count, sizes in [(1, [1]), (3, [3]), (4, [3, 1]), (6, [3, 3]), (7, [3, 3, 1])]:
        found = consumer._chunks(TP0, fetched(*map(record, range(count))))
        assert [len(chunk.records) for chunk in found] == sizes
        assert [r.offset for chunk in found for r in chunk.records] == list(range(count))


async def test_chunks_are_bounded_in_bytes(consumer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MAX_CHUNK_BYTES", 10)
    records = [record(n, size) for n, size in enumerate([4, 4, 4, 50, 9, 1, 2])]
    records[5].value = None  # a tombstone weighs nothing
    found = consumer._chunks(TP0, fetched(*records))
    assert [[r.offset for r in chunk.records] for chunk in found] == [[0, 1, 2], [3], [4, 5, 6]]


async def test_records_already_read_are_cut_off(consumer: Any) -> None:
    consumer._expected[TP0] = 5
    (chunk,) = consumer._chunks(TP0, fetched(*map(record, range(3, 8))))
    assert [r.offset for r in chunk.records] == [5, 6, 7]
    assert list(chunk.append_ms) == [5000, 6000, 7000]
    assert consumer._chunks(TP0, fetched(record(3), record(4))) == []
    del consumer._expected[TP0]
    assert len(consumer._chunks(TP0, fetched(record(0)))[0].records) == 1


async def test_nothing_new_in_a_partition_does_not_disturb_the_others(consumer: Any) -> None:
    consumer._expected[TP0] = 9
    found = await fetch(consumer, {TP0: fetched(record(3)), TP(BATCHED, 1): fetched(record(1))})
    assert [tp.partition for tp, _ in consumer.scheduler.iterate(found)] == [1]


@pytest.mark.parametrize(
    ("count", "highwater", "pauses"), [(1, 1, True), (1, 900, False), (600, 600, False)]
)
async def test_it_lingers_only_at_the_end_of_a_slow_log(
    consumer: Any, count: int, highwater: int, pauses: bool
) -> None:
    await fetch(consumer, {TP0: fetched(*map(record, range(count)))}, highwater)
    assert (consumer._pause_s > 0) is pauses
    await fetch(consumer, {})
    assert consumer._pause_s == 0


# Acknowledgements.


async def test_an_offset_is_new_only_after_the_acknowledged_prefix(consumer: Any) -> None:
    chunks = [deliver(consumer, first, first + 9) for first in (0, 10, 20, 30)]
    assert consumer.unacknowledged_chunks([BATCHED]) == 4
    assert consumer.unacknowledged_chunks([PLAIN]) == 0
    for number, safe in [(2, {}), (1, {}), (0, {TP0: 30}), (3, {TP0: 40})]:
        assert chunks[number].ack(consumer)
        assert committable(consumer) == safe
    assert consumer.unacknowledged_chunks([BATCHED]) == 0
    assert (len(consumer.unacked), consumer._n_acked) == (0, 4)


async def test_what_is_committed_is_not_committed_again(consumer: Any) -> None:
    deliver(consumer, 0, 9).ack(consumer)
    consumer._committed_offset[TP0] = 10
    assert committable(consumer) == {}
    deliver(consumer, 10, 11).ack(consumer)
    assert committable(consumer) == {TP0: 12}


async def test_a_chunk_counts_once(consumer: Any) -> None:
    message = deliver(consumer, 0, 9)
    assert consumer.ack(message)
    assert not consumer.ack(message)
    assert consumer._n_acked == 1


async def test_a_chunk_two_streams_share_counts_after_both(consumer: Any) -> None:
    message = deliver(consumer, 0, 9)
    message.refcount = 2
    message.ack(consumer)
    assert committable(consumer) == {}
    message.ack(consumer)
    assert committable(consumer) == {TP0: 10}


async def test_a_skipped_chunk_holds_the_offset_though_faust_acks_it(consumer: Any) -> None:
    deliver(consumer, 0, 9).ack(consumer)
    assert not deliver(consumer, 10, 19, tracked=False).ack(consumer)
    deliver(consumer, 20, 29).ack(consumer)
    assert committable(consumer) == {TP0: 10}
    assert consumer.unacknowledged_chunks([BATCHED]) == 2


@pytest.mark.parametrize("is_compiled", [True, False])
async def test_faust_skips_chunks_without_tracking_them(
    consumer: Any, monkeypatch: pytest.MonkeyPatch, is_compiled: bool
) -> None:
    """Through both of Faust's stream iterators; one acknowledges what it skips."""
    streams: Any = import_module("faust.streams")
    assert streams._CStreamIterator is not None
    if not is_compiled:
        monkeypatch.setattr(streams, "_CStreamIterator", None)
    app = consumer.app
    topic = app.topic(BATCHED, value_type=bytes, value_serializer="raw")
    stream = app.stream(app.channel()).noack()
    app.flow_control.resume()  # else the queue takes nothing
    skipped, read = (deliver(consumer, n, n + 9, tracked=False) for n in (0, 10))
    skipped.generation_id = app.consumer_generation_id - 1
    async with asyncio.timeout(10):
        for message in (skipped, read):
            await stream.channel.queue.put(await topic.decode(message))
        async for event in stream.events():
            assert event.message is read
            break
    assert (skipped.tracked, read.tracked) == (False, True)
    assert read.ack(consumer)
    assert (skipped.acked, committable(consumer)) == (False, {})


async def test_an_ack_wakes_who_waits_for_the_last_chunk(consumer: Any) -> None:
    message = deliver(consumer, 0, 9)
    consumer._waiting_for_ack = waiting = consumer.loop.create_future()
    message.ack(consumer)
    assert waiting.done()
    deliver(consumer, 10, 19).ack(consumer)


async def test_gaps_are_noted_for_other_topics_only(consumer: Any) -> None:
    await consumer._add_gap(TP0, 3, 9)
    await consumer._add_gap(OTHER, 3, 9)
    assert not consumer._gap[TP0]
    assert [(i.begin, i.end) for i in consumer._gap[OTHER]] == [(3, 10)]


async def test_a_chunk_after_a_gap_is_committed(consumer: Any) -> None:
    consumer._committed_offset[TP0] = 5
    await consumer._add_gap(TP0, 5, 99)
    deliver(consumer, 100, 109).ack(consumer)
    assert committable(consumer) == {TP0: 110}


# Going back.


async def _by_perform_seek(consumer: Any) -> None:
    consumer.seek_to_committed = AsyncMock(return_value={TP0: 10})
    await consumer.perform_seek()
    assert consumer._read_offset[TP0] == 10


async def _by_seek(consumer: Any) -> None:
    consumer._seek = AsyncMock()
    await consumer.seek(TP0, 10)
    consumer._seek.assert_awaited_once_with(TP0, 10)


async def _by_revoke(consumer: Any) -> None:
    consumer._on_partitions_revoked = AsyncMock()
    await consumer.on_partitions_revoked({TP0})
    consumer._on_partitions_revoked.assert_awaited_once_with({TP0})


@pytest.mark.parametrize("go_back", [_by_perform_seek, _by_seek, _by_revoke])
async def test_going_back_forgets_what_was_delivered(consumer: Any, go_back: Any) -> None:
    acked, stuck, late = (deliver(consumer, n, n + 9) for n in (0, 10, 20))
    acked.ack(consumer)
    consumer._committed_offset[TP0] = 10
    await go_back(consumer)
    assert consumer.unacknowledged_chunks([BATCHED]) == 0
    again = deliver(consumer, 10, 19)
    assert late.ack(consumer)  # of the time before: takes nothing forward
    assert committable(consumer) == {}
    again.ack(consumer)
    assert committable(consumer) == {TP0: 20}
    assert not stuck.acked


async def test_a_seek_forgets_its_own_partition_only(consumer: Any) -> None:
    other = TP(BATCHED, 1)
    deliver(consumer, 0, 9)
    consumer._hand_on(other, consumer._to_message(other, Chunk(BATCHED, 1, [record(4)])))
    consumer._seek = AsyncMock()
    await consumer.seek(other, 4)
    assert consumer.unacknowledged_chunks([BATCHED]) == 1


async def test_a_revoke_lets_faust_commit_first(consumer: Any) -> None:
    message = deliver(consumer, 0, 9)
    seen: list[dict[TP, int]] = []

    async def drain(_: set[TP]) -> None:
        message.ack(consumer)
        seen.append(committable(consumer))

    consumer._on_partitions_revoked = drain
    await consumer.on_partitions_revoked({TP0})
    assert seen == [{TP0: 10}]


# No hole.


async def read(consumer: Any, *spans: tuple[int, int]) -> list[tuple[int, int]]:
    """What of these fetches of one partition reaches the agent."""
    consumer._thread.highwater = Mock(return_value=0)
    consumer._thread.seek_wait = AsyncMock()
    consumer._active_partitions = {TP0}
    found: list[tuple[int, int]] = []
    for first, last in spans:
        records = fetched(*map(record, range(first, last + 1)))
        consumer._thread.getmany = AsyncMock(return_value={TP0: records})
        async for _, message in consumer.getmany(1.0):
            found.append((message.value.records[0].offset, message.offset))
    return found


async def test_a_chunk_after_a_hole_is_fetched_again_from_the_hole(consumer: Any) -> None:
    consumer.seek_to_committed = AsyncMock(return_value={TP0: 10})
    await consumer.perform_seek()
    assert await read(consumer, (10, 19), (30, 39)) == [(10, 19)]
    consumer._thread.seek_wait.assert_awaited_once_with({TP0: 20})
    assert await read(consumer, (20, 29), (30, 39)) == [(20, 29), (30, 39)]


async def test_a_gap_that_stays_is_one_of_the_log(consumer: Any) -> None:
    consumer.seek_to_committed = AsyncMock(return_value={TP0: None})
    await consumer.perform_seek()
    assert await read(consumer, (50, 59), (50, 59), (60, 61)) == [(50, 59), (60, 61)]


async def drop(consumer: Any, first: int, last: int) -> None:
    """Faust fetches, and pauses before it hands on what it got."""
    records = fetched(*map(record, range(first, last + 1)))
    consumer._thread.getmany = AsyncMock(return_value={TP0: records})
    await consumer._getmany({TP0}, 1.0)


async def test_what_is_dropped_twice_is_no_gap_of_the_log(consumer: Any) -> None:
    consumer.seek_to_committed = AsyncMock(return_value={TP0: 10})
    await consumer.perform_seek()
    assert await read(consumer, (10, 19)) == [(10, 19)]
    for _ in range(3):
        await drop(consumer, 20, 29)
        assert await read(consumer, (30, 39)) == []
        consumer._thread.seek_wait.assert_awaited_with({TP0: 20})
    assert await read(consumer, (20, 29), (30, 39)) == [(20, 29), (30, 39)]


async def test_what_was_delivered_is_not_delivered_again(consumer: Any) -> None:
    consumer.seek_to_committed = AsyncMock(return_value={TP0: 10})
    await consumer.perform_seek()
    assert await read(consumer, (10, 19), (5, 15), (15, 24)) == [(10, 19), (20, 24)]


async def test_nothing_is_delivered_between_a_revoke_and_the_next_seek(consumer: Any) -> None:
    consumer.seek_to_committed = AsyncMock(return_value={TP0: 10})
    consumer._on_partitions_revoked = AsyncMock()
    await consumer.perform_seek()
    await consumer.on_partitions_revoked({TP0})
    assert await read(consumer, (10, 19)) == []
    await consumer.perform_seek()
    assert await read(consumer, (10, 19)) == [(10, 19)]


# Stock.


async def test_other_topics_are_as_in_stock_faust(consumer: Any) -> None:
    messages = [consumer._to_message(OTHER, record(n)) for n in (5, 6, 7)]
    assert [m.value for m in messages] == [b"v"] * 3
    consumer._committed_offset[OTHER] = 5
    for number, safe in [(2, {}), (0, {OTHER: 6}), (1, {OTHER: 8})]:
        assert consumer.ack(messages[number])
        assert committable(consumer) == safe
    assert consumer._delivered == {}


async def test_an_app_without_batched_topics_is_stock(consumer: Any) -> None:
    app = faust.App("stock", broker="batched://localhost", store="memory://")
    plain: Any = app.consumer
    found = await fetch(plain, {TP0: [record(1)]})
    assert [item.offset for item in found[TP0]] == [1]


async def test_a_fetch_waits_at_the_broker_only_shortly(consumer: Any) -> None:
    found = consumer._thread._create_worker_consumer(consumer.transport)
    assert found._fetch_max_wait_ms == fetching.FETCH_WAIT_MS
    names = AIOKafkaConsumer.start.__code__.co_names
    assert "_fetch_max_wait_ms" in names  # read when the fetcher is made, after this


def test_an_installed_package_makes_the_scheme_known_without_a_call() -> None:
    group = "faust.transports"
    project = tomllib.loads((Path(batching.__file__).parents[2] / "pyproject.toml").read_text())
    target = project["project"]["entry-points"][group][batching.SCHEME]
    assert EntryPoint(batching.SCHEME, target, group).load() is batching.Transport
