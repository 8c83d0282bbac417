"""Unpacking fetched batches, the position after them, and the lease of a group's member."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import consumer as consumer_module
from aiokafka.consumer import fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c_py
from faust.types import TP

from liveops.kafka import fetching
from liveops.kafka.fetching import PlainRecords, PlainResult

BATCHED, PLAIN = "batched", "plain"
BASE_OFFSET, CRC, ATTRIBUTES, MAX_TIMESTAMP = (
    slice(0, 8),
    slice(17, 21),
    slice(21, 23),
    slice(35, 43),
)


def batch(first: int, count: int, codec: int = 0) -> bytes:
    """A record batch with values b"0", b"1", … and headers."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 100_000)
    for number in range(count):
        builder.append(number, 5000 + number, None, b"%d" % number, [("h", b"1")])
    packed = bytearray(builder.build())
    packed[BASE_OFFSET] = first.to_bytes(8, "big")
    return bytes(packed)


def fetched(topic: str, data: bytes, fetch_offset: int = 0) -> tuple[Any, Any]:
    """A fetch as the fetcher keeps it, and the consumer's position."""
    tp = TP(topic, 3)
    state = SimpleNamespace(paused=False, position=fetch_offset)
    state.consumed_to = lambda offset: setattr(state, "position", offset)
    assignment = SimpleNamespace(active=True, state_value=lambda tp: state)
    records = PlainRecords(tp, MemoryRecords(data), [], fetch_offset, None, None, True, 0)
    result = PlainResult(tp, assignment=assignment, partition_records=records, backoff=0)
    return result, state


@pytest.fixture(autouse=True)
def only_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PlainResult, "batched", {BATCHED})


def offsets(records: list[Any]) -> list[int]:
    return [record.offset for record in records]


@pytest.mark.parametrize(("topic", "is_copied"), [(BATCHED, False), (PLAIN, True)])
def test_the_same_records_either_way(topic: str, is_copied: bool) -> None:
    result, state = fetched(topic, batch(0, 2))
    found = result.getall()
    assert [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in found] == [
        (0, 5000, None, b"0", [("h", b"1")]),
        (1, 5001, None, b"1", [("h", b"1")]),
    ]
    assert isinstance(found[0], fetcher.ConsumerRecord) is is_copied
    assert (state.position, result.has_more()) == (2, False)


@pytest.mark.parametrize("topic", [BATCHED, PLAIN])
def test_limits_cut_across_batches_and_the_position_follows(topic: str) -> None:
    result, state = fetched(topic, batch(10, 3) + batch(13, 3), fetch_offset=10)
    assert offsets(result.getall(2)) == [10, 11]
    assert state.position == 12
    assert offsets(result.getall(3)) == [12, 13, 14]
    assert state.position == 15
    assert offsets(result.getall(3)) == [15]
    assert state.position == 16


def stamped_by_the_broker(packed: bytes, append_ms: int) -> bytes:
    """The batch as a topic with LogAppendTime keeps it."""
    stamped = bytearray(packed)
    stamped[ATTRIBUTES] = (int.from_bytes(stamped[ATTRIBUTES], "big") | 8).to_bytes(2, "big")
    stamped[MAX_TIMESTAMP] = append_ms.to_bytes(8, "big")
    stamped[CRC] = calc_crc32c_py(bytes(stamped[ATTRIBUTES.start :])).to_bytes(4, "big")
    return bytes(stamped)


def test_the_times_are_those_of_the_records() -> None:
    data = batch(0, 2) + stamped_by_the_broker(batch(2, 3), 9000)
    result, _ = fetched(BATCHED, data, fetch_offset=1)
    for count, expected in [(2, [5001, 9000]), (9, [9000, 9000])]:
        found = result.getall(count)
        assert list(found.append_ms) == [record.timestamp for record in found] == expected
        assert not found.compressed


def test_compressed_batches_are_told() -> None:
    result, _ = fetched(BATCHED, batch(0, 1) + batch(1, 60, codec=1))
    assert not result.getall(1).compressed
    assert result.getall(9).compressed
    assert result.getall(9).compressed


@pytest.mark.parametrize("topic", [BATCHED, PLAIN])
def test_what_lies_before_the_position_is_left_out(topic: str) -> None:
    result, state = fetched(topic, batch(10, 3) + batch(13, 2), fetch_offset=12)
    assert offsets(result.getall()) == [12, 13, 14]
    assert state.position == 15


@pytest.mark.parametrize("topic", [BATCHED, PLAIN])
def test_a_batch_of_nothing_new_moves_the_position(topic: str) -> None:
    result, state = fetched(topic, batch(10, 3), fetch_offset=13)
    assert result.getall() == []
    assert state.position == 13


@pytest.mark.parametrize("topic", [BATCHED, PLAIN])
def test_a_moved_position_gives_nothing(topic: str) -> None:
    result, state = fetched(topic, batch(0, 3))
    assert offsets(result.getall(1)) == [0]
    state.position = 7
    assert result.getall() == []


@pytest.mark.parametrize("topic", [BATCHED, PLAIN])
def test_a_damaged_batch_is_refused(topic: str) -> None:
    damaged = bytearray(batch(0, 3))
    damaged[-1] ^= 1
    result, state = fetched(topic, bytes(damaged))
    with pytest.raises(CorruptRecordException):
        result.getall()
    assert state.position == 0


def test_the_fetcher_looks_its_parts_up_when_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "PartitionRecords", fetcher.PartitionRecords)
    monkeypatch.setattr(fetcher, "FetchResult", fetcher.FetchResult)
    monkeypatch.setattr(consumer_module, "GroupCoordinator", GroupCoordinator)
    fetching.install(frozenset({"more"}))
    assert fetcher.PartitionRecords is PlainRecords
    assert fetcher.FetchResult is PlainResult
    assert PlainResult.batched == {BATCHED, "more"}
    called = fetcher.Fetcher._proc_fetch_request.__code__.co_names
    assert {"PartitionRecords", "FetchResult"} <= set(called)


class Answers(fetching.Coordinator):
    """A coordinator without a broker."""

    def __init__(self, session_ms: int) -> None:
        self._session_timeout_ms = session_ms


@pytest.mark.parametrize("answered", [True, False])
async def test_a_lease_lasts_a_session_from_the_last_answered_heartbeat(
    monkeypatch: pytest.MonkeyPatch, answered: bool
) -> None:
    now_s = 100.0
    monkeypatch.setattr(fetching, "time", SimpleNamespace(monotonic=lambda: now_s))

    async def beat(self: object) -> bool:
        nonlocal now_s
        now_s += 2.0  # the answer takes its time: the lease runs from the question
        return answered

    monkeypatch.setattr(GroupCoordinator, "_do_heartbeat", beat)
    coordinator = Answers(6000)
    assert not coordinator.holds_lease()
    assert await coordinator._do_heartbeat() is answered
    assert coordinator.holds_lease() is answered
    now_s = 105.9
    assert coordinator.holds_lease() is answered
    now_s = 106.1
    assert not coordinator.holds_lease()


@pytest.mark.parametrize(("passed_s", "expelled"), [(5.9, 0), (6.1, 1)])
def test_a_worker_whose_group_went_on_without_it_ends(
    monkeypatch: pytest.MonkeyPatch, passed_s: float, expelled: int
) -> None:
    ended: list[bool] = []
    monkeypatch.setattr(Answers, "on_expelled", staticmethod(lambda: ended.append(True)))
    monkeypatch.setattr(GroupCoordinator, "reset_generation", lambda _: None)
    now_s = 100.0
    monkeypatch.setattr(fetching, "time", SimpleNamespace(monotonic=lambda: now_s))
    coordinator = Answers(6000)
    coordinator.reset_generation()  # it never was a member
    coordinator.lease_from_s = now_s
    now_s += passed_s
    coordinator.reset_generation()
    assert len(ended) == expelled


def test_aiokafka_makes_the_coordinator_when_a_consumer_starts() -> None:
    assert "GroupCoordinator" in AIOKafkaConsumer.start.__code__.co_names
    assert "_do_heartbeat" in GroupCoordinator._heartbeat_routine.__code__.co_names
    assert "reset_generation" in GroupCoordinator._do_heartbeat.__code__.co_names
    assert "_session_timeout_ms" in GroupCoordinator.__init__.__code__.co_names
