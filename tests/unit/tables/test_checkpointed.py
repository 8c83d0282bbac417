"""Writes of a table reach the changelog in order, however often the broker is away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import faust
import pytest

from liveops.errors import Unavailable
from liveops.kafka.partitioning import partition_of
from liveops.kafka.producer import Outgoing
from tables import checkpointed
from tables.checkpointed import declare

PARTITIONS = 4


class Broker:
    """A producer whose first tries get nowhere; keeps what it was given."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.log: list[tuple[str, int, str, bytes | None]] = []

    async def send_in_order(self, topic: str, partition: int, records: Sequence[Outgoing]) -> None:
        if self.failures:
            self.failures -= 1
            raise Unavailable("kafka")
        self.log += [(topic, partition, record.key, record.value) for record in records]


@pytest.mark.parametrize("failures", [0, 3])
async def test_writes_are_sent_in_order_once_the_broker_answers(
    monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    monkeypatch.setattr(checkpointed, "_PAUSE_S", 0.0)
    broker = Broker(failures)
    app = faust.App("tables", broker="memory://", store="memory://")
    table = declare(cast(Any, app), "windows", PARTITIONS, cast(Any, broker), lambda: True)
    table[b"shop\x00h"] = b"1"
    table[b"shop\x00m60/0-64"] = b"2"
    del table[b"shop\x00m60/0-64"]
    table[b"search\x00h"] = b"3"
    table[b"shop\x00h"] = b"4"
    assert broker.log == []  # nothing goes out before the checkpoint
    await table.written()
    home = partition_of("shop", PARTITIONS)
    topic = "tables-windows-changelog"
    assert [write for write in broker.log if write[2].startswith("shop")] == [
        (topic, home, "shop\x00h", b"1"),
        (topic, home, "shop\x00m60/0-64", b"2"),
        (topic, home, "shop\x00m60/0-64", None),
        (topic, home, "shop\x00h", b"4"),
    ]
    assert (topic, partition_of("search", PARTITIONS), "search\x00h", b"3") in broker.log
    assert table[b"shop\x00h"] == b"4"
    await table.written()
    assert len(broker.log) == 5


async def test_writes_of_other_partitions_wait_for_their_turn() -> None:
    broker = Broker(0)
    app = faust.App("tables", broker="memory://", store="memory://")
    table = declare(cast(Any, app), "windows", PARTITIONS, cast(Any, broker), lambda: True)
    home, other = partition_of("shop", PARTITIONS), partition_of("cart", PARTITIONS)
    assert home != other
    table[b"shop\x00h"] = b"1"
    table[b"cart\x00h"] = b"2"
    await table.written([home])
    assert [write[1] for write in broker.log] == [home]
    await table.written()
    assert [write[1] for write in broker.log] == [home, other]


async def test_nothing_is_written_while_another_may_own_the_partitions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpointed, "_PAUSE_S", 0.0)
    broker, ours = Broker(0), asyncio.Event()
    app = faust.App("tables", broker="memory://", store="memory://")
    table = declare(cast(Any, app), "windows", PARTITIONS, cast(Any, broker), ours.is_set)
    table[b"shop\x00h"] = b"1"
    writing = asyncio.create_task(table.written())
    for _ in range(10):
        await asyncio.sleep(0)
    assert broker.log == []
    ours.set()
    await writing
    assert len(broker.log) == 1


class Changelog:
    """What a changelog holds."""

    async def newest_values(self, topic: str, partitions: Any) -> dict[bytes, bytes]:
        assert topic == "tables-windows-changelog"
        assert partitions == {1, 2}
        return {b"shop\x00h": b"stored"}


async def test_a_reloaded_table_holds_its_changelog_and_nothing_else() -> None:
    broker = Broker(0)
    app = faust.App("tables", broker="memory://", store="memory://")
    table = declare(cast(Any, app), "windows", PARTITIONS, cast(Any, broker), lambda: True)
    table[b"shop\x00h"] = b"of an owner before"
    table[b"search\x00h"] = b"of an owner before"
    await table.reload(cast(Any, Changelog()), {1, 2})
    assert dict(table.items()) == {b"shop\x00h": b"stored"}
    await table.written()
    assert broker.log == []  # another may own the partitions now


async def test_what_faust_applies_late_does_not_stand_over_what_was_read_anew() -> None:
    app = faust.App("tables", broker="memory://", store="memory://")
    table = declare(cast(Any, app), "windows", PARTITIONS, cast(Any, Broker(0)), lambda: True)
    await table.reload(cast(Any, Changelog()), {1, 2})
    message = SimpleNamespace(
        key=b"shop\x00h", value=b"older", offset=1, tp=("tables-windows-changelog", 1)
    )
    left_over = SimpleNamespace(key=b"shop\x00h", value=b"older", message=message)
    table.apply_changelog_batch(cast(Any, [left_over]))
    assert dict(table.items()) == {b"shop\x00h": b"stored"}
