"""What Faust drops is fetched again; a gap of the log is skipped."""

from __future__ import annotations

from typing import Any
from unittest.mock import AsyncMock, Mock

from tests.unit.kafka.batching_doubles import (
    TP0,
    consumer,
    fetched,
    record,
)

__all__ = ["consumer"]


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
