"""Late windows come from the archive: not before it has everything, and each change once."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import numpy as np
import orjson
import pytest

from agents.archive.backfill import BackfillAgent
from agents.archive.rows import RowReader
from agents.archive.writer import SINK
from liveops.kafka.offsets import Bounds
from liveops.kafka.partitioning import partition_of
from liveops.kafka.producer import Outgoing, Producer
from liveops.postgres import archive, backfill, raw_copy
from liveops.postgres.backfill import Dirty
from liveops.postgres.database import Database
from liveops.postgres.migrate import migrate
from schema.times import format_time
from schema.topics import AGGREGATED, RAW
from schema.windows import read_window
from tests.client import Client, eventually
from tests.stack import TestServers

pytestmark = pytest.mark.integration
PARTITIONS = 8


@dataclass
class Topic:
    """Stands for metrics.aggregated: what was sent, and where it ends."""

    sent: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    end: int = 0

    async def send_in_order(self, topic: str, partition: int, records: list[Outgoing]) -> None:
        assert topic == AGGREGATED
        self.sent += [(partition, orjson.loads(record.value or b"")) for record in records]
        self.end += len(records)

    async def bounds(self, topic: str, partitions: Collection[int]) -> dict[int, Bounds]:
        assert topic == AGGREGATED
        return {number: Bounds(0, self.end) for number in partitions}


@dataclass(slots=True)
class Case:
    """A service with two archived values in a minute two hours ago."""

    database: Database
    topic: Topic
    agent: BackfillAgent
    service: str
    minute: int

    @property
    def home(self) -> int:
        return partition_of(self.service, PARTITIONS)

    async def archive(self, *values: float) -> None:
        tail = raw_copy.tail(self.service, "cpu", {"az": "a"})
        ids = raw_copy.plain_ids([uuid4().bytes for _ in values])
        rows = raw_copy.pack(
            ids, np.array(values), np.full(len(values), self.minute + 5.0), [tail] * len(values)
        )
        async with self.database.transaction() as con:
            await archive.copy_rows(con, rows)

    async def dirty(self, offset: int, origin: int = 2) -> None:
        async with self.database.transaction() as con:
            found = [Dirty(self.service, self.minute, origin, offset)]
            await backfill.add_dirty(con, [*found, Dirty(self.service, self.minute, -1, 99)])

    async def stored(self, topic: str, partition: int, offset: int) -> None:
        async with self.database.transaction() as con:
            known = await archive.next_offset(con, SINK, topic, partition)
            await archive.advance_offset(con, SINK, topic, partition, known, offset)

    async def store_windows(self) -> None:
        """Do the archive's part: what was sent is stored."""
        async with self.database.transaction() as con:
            await archive.upsert_windows(
                con, [read_window(orjson.dumps(w)) for _, w in self.topic.sent]
            )
        await self.stored(AGGREGATED, self.home, self.topic.end)

    async def left(self) -> int:
        async with self.database.connection() as con:
            query = "SELECT count(*) FROM dirty_minutes WHERE service_name = $1"
            return int(await con.fetchval(query, self.service))


@pytest.fixture
async def case(servers: TestServers, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Case]:
    monkeypatch.setattr("agents.archive.backfill._POLL_S", 0.01)
    monkeypatch.setattr("agents.archive.backfill._PATIENCE_S", 0.05)
    await migrate(servers.database_url)
    database, topic = Database(servers.database_url), Topic()
    async with database.connection() as con:
        await con.execute("TRUNCATE dirty_minutes, sink_offsets")
    agent = BackfillAgent(database, cast(Producer, topic), topic, partitions=PARTITIONS)
    minute = (int(time.time()) - 7200) // 900 * 900 + 360
    case = Case(database, topic, agent, f"svc-{uuid4().hex[:12]}", minute)
    await case.archive(1.0, 3.0)
    yield case
    async with database.connection() as con:
        await con.execute("TRUNCATE dirty_minutes, sink_offsets")
    await database.stop()


async def test_windows_wait_until_the_archive_has_passed_the_record(case: Case) -> None:
    await case.dirty(17)
    await case.agent.round()
    await case.stored(RAW, 2, 17)  # the next to come is the record itself
    await case.agent.round()
    assert (case.topic.sent, await case.left()) == ([], 2)
    await case.stored(RAW, 2, 18)
    await case.agent.round()
    assert await case.left() == 0
    assert {partition for partition, _ in case.topic.sent} == {case.home}
    records = [record for _, record in case.topic.sent]
    assert [record["window"] for record in records] == ["1m", "5m", "15m"]
    for record in records:
        got = (record["count"], record["sum"], record["tags"], record["revision"])
        assert got == (2, 4.0, {"az": "a"}, 0)
        assert record["backfill"] is True
        assert record["histogram"]["p"]
    assert records[0]["start"] == format_time(case.minute)


async def test_the_next_revision_is_newer_than_any_published_one(case: Case) -> None:
    await case.stored(RAW, 2, 18)
    await case.dirty(17)
    case.topic.end = 5  # the stream has published what the archive does not have yet
    await case.agent.round()
    assert (case.topic.sent, await case.left()) == ([], 2)
    await case.stored(AGGREGATED, case.home, 5)
    await case.agent.round()
    await case.store_windows()
    await case.archive(8.0)
    await case.dirty(17)
    await case.agent.round()
    newest = [record for _, record in case.topic.sent][3:]
    assert [(r["count"], r["sum"], r["revision"]) for r in newest] == [(3, 12.0, 1)] * 3


async def test_the_same_minute_again_publishes_nothing(case: Case) -> None:
    await case.stored(RAW, 2, 18)
    await case.dirty(17)
    await case.agent.round()
    await case.store_windows()
    sent = len(case.topic.sent)
    await case.dirty(17)
    await case.agent.round()
    assert (len(case.topic.sent), await case.left()) == (sent, 0)


async def test_a_minute_made_dirty_meanwhile_stays_dirty(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    await case.stored(RAW, 2, 18)
    await case.dirty(17)
    send = case.topic.send_in_order

    async def and_another(topic: str, partition: int, records: list[Outgoing]) -> None:
        await send(topic, partition, records)
        await case.dirty(30)

    monkeypatch.setattr(case.topic, "send_in_order", and_another)
    await case.agent.round()
    assert await case.left() == 1


async def test_only_one_worker_recomputes_at_a_time(case: Case) -> None:
    await case.stored(RAW, 2, 18)
    await case.dirty(17)
    async with case.database.transaction() as con:
        assert await backfill.only_one(con)
        await case.agent.round()
        assert case.topic.sent == []
    await case.agent.round()
    assert len(case.topic.sent) == 3


@pytest.mark.parametrize("horizon_s", [1800, 300])
async def test_counters_and_samples_that_count_once_are_recomputed_from_their_samples(
    case: Case, horizon_s: int
) -> None:
    minute = case.minute

    def told(at_s: float, value: float, metric: str, **more: Any) -> dict[str, Any]:
        item = {"service_name": case.service, "metric_type": metric, "timestamp": at_s}
        return item | {"value": value} | more

    counter = [(-700, 100.0), (5, 130.0), (30, 135.0), (400, 140.0), (2500, 150.0)]
    items = [told(minute + at, v, "reqs", kind="counter") for at, v in counter]
    items += [told(minute + 7, v, "temp", once=True) for v in (5.0, 5.0, 5.0)]
    histogram = {"count": 3, "sum": 4.5, "bounds": [1.0, 2.0], "counts": [1, 0, 2]}
    items += [told(minute + 8, 0, "took", kind="histogram", histogram=histogram)] * 2
    del items[-1]["value"]
    records = [
        SimpleNamespace(
            value=orjson.dumps(item), offset=n, timestamp=int(minute + 7000) * 1000, headers=()
        )
        for n, item in enumerate(items)
    ]
    rows = RowReader(2, 1e6).read(records, 0).rows
    async with case.database.transaction() as con:
        await archive.copy_rows(con, rows)
    await case.stored(RAW, 2, 18)
    async with case.database.transaction() as con:
        found = Dirty(case.service, minute, 2, 17, horizon=minute + horizon_s)
        await backfill.add_dirty(con, [found])
    await case.agent.round()
    sent = {
        (w["metric_type"], w["window"], (read_window(orjson.dumps(w)).start_s - minute) // 60): w
        for _, w in case.topic.sent
    }
    grown = {key[1:]: w["increase"] for key, w in sent.items() if key[0] == "reqs"}
    # The dirty minute, and the one that looks back to it unless the stream corrects that.
    wanted = {
        ("1m", 0): 35.0, ("5m", -1): 35.0, ("15m", -6): 40.0, ("1m", 6): 5.0, ("5m", 4): 5.0,
    }  # fmt: skip
    if horizon_s == 300:
        del wanted["1m", 6], wanted["5m", 4]
    assert grown == wanted
    assert sent["temp", "1m", 0]["count"] == 1
    took = sent["took", "1m", 0]
    assert (took["count"], took["sum"], took["kind"]) == (6, 9.0, "histogram")
    await case.store_windows()
    sent_before = len(case.topic.sent)
    async with case.database.transaction() as con:
        await backfill.add_dirty(con, [found])
    await case.agent.round()
    assert len(case.topic.sent) == sent_before  # nothing has changed


async def test_values_of_hours_ago_appear_in_the_windows(engineer: Client) -> None:
    service = f"svc-{uuid4().hex[:12]}"
    old = (int(time.time()) - 7200) // 900 * 900 + 130

    def metric(value: float, **more: Any) -> dict[str, Any]:
        return {"service_name": service, "metric_type": "cpu", "value": value, **more}

    async def counted(count: int, window: str) -> Any:
        path = f"/api/metrics/aggregated?service={service}&window={window}"
        span = f"&from={format_time(old - 900)}&to={format_time(old + 900)}"
        series = (await engineer.get(path + span))["series"]
        points = [p for s in series for p in s["points"] if p["final"]]
        return points if sum(p["count"] for p in points) == count else None

    await engineer.send(metric(1.0))
    await engineer.send(metric(2.0, timestamp=old), metric(4.0, timestamp=old + 1))
    for window in ("1m", "5m", "15m"):
        found = await eventually(partial(counted, 2, window), f"late {window}", within_s=60)
        assert [(p["count"], p["sum"]) for p in found] == [(2, 6.0)]
    await engineer.send(metric(8.0, timestamp=old + 2))
    found = await eventually(partial(counted, 3, "15m"), "the correction", within_s=60)
    assert [(p["count"], p["sum"], p["max"]) for p in found] == [(3, 14.0, 8.0)]
