"""How fetched records become chunks."""

from __future__ import annotations

from typing import Any

import pytest
from faust.types import TP

from liveops.kafka import chunks
from tests.unit.kafka.batching_doubles import (
    BATCHED,
    OTHER,
    TP0,
    consumer,
    fetch,
    fetched,
    record,
)

__all__ = ["consumer"]


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
