"""Which offsets are committed, and what going back forgets."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any
from unittest.mock import AsyncMock

import pytest
from faust.types import TP

from liveops.kafka.chunks import Chunk
from tests.unit.kafka.batching_doubles import (
    BATCHED,
    OTHER,
    PLAIN,
    TP0,
    committable,
    consumer,
    deliver,
    record,
)

__all__ = ["consumer"]


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
