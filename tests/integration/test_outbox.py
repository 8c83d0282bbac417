"""The outbox relay: in order, once, by one relay at a time, and again after trouble."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import uuid4

import pytest

from liveops.errors import Refused, Unavailable
from liveops.kafka.producer import Producer
from liveops.metrics.stores import OUTBOX
from liveops.outbox import OutboxRelay, enqueue
from liveops.postgres.database import Database
from liveops.postgres.housekeeping import sweep
from liveops.postgres.migrate import migrate
from tests.client import eventually
from tests.stack import TestServers

pytestmark = pytest.mark.integration
TOPIC = "incidents.updated"
#: An event that the broker never takes.
POISON = b"poison"


class Broker:
    """Stands for the producer: remembers what it acknowledged, refuses when told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.refusals = 0
        self.changed = asyncio.Condition()

    async def send(self, topic: str, key: str, value: bytes | None) -> None:
        async with self.changed:
            if value == POISON:
                raise Refused("a record of 2000000 bytes")
            if self.refusals:
                self.refusals -= 1
                raise Unavailable("kafka")
            self.sent.append((key, (value or b"").decode()))
            self.changed.notify_all()

    async def until(self, keys: set[str], count: int) -> list[tuple[str, str]]:
        """Wait for `count` events of these keys."""

        def ours() -> list[tuple[str, str]]:
            return [item for item in self.sent if item[0] in keys]

        async with asyncio.timeout(15), self.changed:
            await self.changed.wait_for(lambda: len(ours()) >= count)
        return ours()


@pytest.fixture
async def database(servers: TestServers) -> AsyncIterator[Database]:
    await migrate(servers.database_url)
    database = Database(servers.database_url)
    yield database
    await database.stop()


def relay(database: Database, broker: Broker, sent: Any = None) -> OutboxRelay:
    return OutboxRelay(database, cast(Producer, broker), sent)


async def put(database: Database, key: str, *values: str) -> None:
    for value in values:
        async with database.transaction() as con:
            await enqueue(con, TOPIC, key, value.encode())


async def unsent(database: Database, key: str) -> int:
    async with database.connection() as con:
        query = "SELECT count(*) FROM outbox WHERE key = $1 AND sent_at IS NULL"
        return int(await con.fetchval(query, key))


async def test_events_of_a_key_leave_in_order_and_by_one_of_two_relays(database: Database) -> None:
    broker = Broker()
    keys = {str(uuid4()), str(uuid4())}
    values = [str(number) for number in range(20)]
    both = [relay(database, broker), relay(database, broker)]
    for item in both:
        await item.start()
    try:
        await asyncio.gather(*(put(database, key, *values) for key in keys))
        got = await broker.until(keys, 40)
    finally:
        for item in both:
            await item.stop()
    for key in keys:
        assert [value for name, value in got if name == key] == values


async def test_a_broker_that_is_away_gets_everything_later_still_in_order(
    database: Database,
) -> None:
    broker, key = Broker(), str(uuid4())
    broker.refusals = 2
    await put(database, key, "1", "2", "3")
    told: list[str] = []
    item = relay(database, broker, lambda topic, name, value: told.append(name))
    await item.start()
    try:
        got = await broker.until({key}, 3)
        first = list(dict.fromkeys(value for _, value in got))
        assert first == ["1", "2", "3"]
        await put(database, key, "4")
        await broker.until({key}, len(got) + 1)
    finally:
        await item.stop()
    assert key in told


async def test_nothing_leaves_before_its_transaction(database: Database) -> None:
    broker, key, after = Broker(), str(uuid4()), str(uuid4())
    item = relay(database, broker)
    await item.start()
    try:
        async with database.transaction() as con:
            await enqueue(con, TOPIC, key, b"held")
            await put(database, after, "later")
            await broker.until({after}, 1)
            assert key not in [name for name, _ in broker.sent]
        await broker.until({key}, 1)
    finally:
        await item.stop()


async def test_what_has_left_is_swept_after_a_day_and_the_rest_stays(database: Database) -> None:
    old, waiting, untold = str(uuid4()), str(uuid4()), str(uuid4())
    for key in (old, waiting, untold):
        await put(database, key, "x")
    async with database.connection() as con:
        query = "UPDATE outbox SET sent_at = now() - interval '2 days' WHERE key = ANY($1)"
        await con.execute(query, [old, untold])
        await con.execute("UPDATE outbox SET routed_at = now() WHERE key = $1", old)
    await sweep(database)
    async with database.connection() as con:
        query = "SELECT key FROM outbox WHERE key = ANY($1) ORDER BY id"
        rows = await con.fetch(query, [old, waiting, untold])
    assert [row["key"] for row in rows] == [waiting, untold]
    assert await unsent(database, waiting) == 1


async def test_an_event_that_can_never_be_sent_is_set_aside_and_blocks_nothing(
    database: Database,
) -> None:
    broker, key, other = Broker(), str(uuid4()), str(uuid4())
    await put(database, key, "1", POISON.decode(), "2")
    await put(database, other, "1")
    item = relay(database, broker)
    await item.start()
    try:
        got = await broker.until({key, other}, 3)
        await put(database, other, "2")
        await broker.until({other}, 2)
        assert "set aside" in item.fault
    finally:
        await item.stop()
    assert [value for name, value in got if name == key] == ["1", "2"]
    async with database.connection() as con:
        query = "SELECT value, refusal FROM outbox WHERE key = $1 AND refused_at IS NOT NULL"
        (row,) = await con.fetch(query, key)
        assert (row["value"], "2000000 bytes" in row["refusal"]) == ("poison", True)
        await con.execute("DELETE FROM outbox WHERE key = $1", key)


async def test_news_that_fail_hold_up_nothing(database: Database) -> None:
    broker, key = Broker(), str(uuid4())
    await put(database, key, "1", "2")

    async def fail(topic: str, name: str, value: bytes | None) -> None:
        raise KeyError("status")

    item = relay(database, broker, fail)
    await item.start()
    try:
        await broker.until({key}, 2)
    finally:
        await item.stop()


async def test_how_many_events_wait_is_a_metric(database: Database) -> None:
    def waiting() -> float:
        return OUTBOX.get_sample_value("liveops_outbox_waiting") or 0.0

    async def they_wait() -> bool:
        return waiting() >= 3

    async def none_waits() -> bool:
        return waiting() == 0

    broker, key = Broker(), str(uuid4())
    broker.refusals = 1_000_000
    await put(database, key, "1", "2", "3")
    item = relay(database, broker)
    await item.start()
    try:
        await eventually(they_wait, "the relay to see them")
        broker.refusals = 0
        await broker.until({key}, 3)
        await eventually(none_waits, "the outbox to run empty")
    finally:
        await item.stop()
