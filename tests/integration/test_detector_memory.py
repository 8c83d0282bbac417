"""What rules have learned outlives the worker: kept in PostgreSQL, made again from windows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from copy import deepcopy
from datetime import UTC, datetime
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio

from agents.incidents import remembering as module
from agents.incidents.remembering import Remembering
from agents.incidents.watched import WatchedServices
from agents.incidents.window_records import WindowRecord
from liveops.clock import FakeClock
from liveops.detection import arrays
from liveops.detection.engine import observe
from liveops.detection.rulebook import RuleBook
from liveops.detection.stored import StoredEnsemble, encode
from liveops.postgres.database import Database
from liveops.postgres.migrate import migrate
from liveops.postgres.partitions import ensure_partitions
from schema.incidents import Detection
from schema.metrics import Aggregate
from schema.rules import Rule
from tests.aggregates import BEGIN_S, quiet, window
from tests.stack import TestServers

pytestmark = pytest.mark.integration

INSERT = """
INSERT INTO metric_windows (service_name, metric_type, tags, series, "window", start, "end", count,
    sum, min, max, mean, stddev, p50, p95, p99, rate, revision)
VALUES ($1, $2, '{}', $3, $7, $4, $5, 60, $6, $6, $6, $6, 1, $6, $6, $6, 1, 0)
"""


@pytest_asyncio.fixture
async def database(servers: TestServers) -> AsyncIterator[Database]:
    await migrate(servers.database_url)
    opened = Database(servers.database_url, max_connections=2)
    yield opened
    await opened.stop()


class Worker:
    """The detectors of one worker, without Kafka."""

    def __init__(self, database: Database, rule: Rule, clock: FakeClock) -> None:
        self.services = WatchedServices(1)
        self.book = RuleBook([rule], ())
        self.services.learned.obey(self.book)
        self.remembering = Remembering(database, clock)
        self.rule = rule

    async def take(self, item: Aggregate) -> list[Detection]:
        record = WindowRecord(0, item.service_name, [item], None)
        await self.remembering.recall(self.services, self.book, [record])
        closed_s = self.services.closed_s
        opinions = self.services.learned.judge(record.seen(), self.book, closed_s)
        watched = self.services.get(item.service_name)
        outcome = observe(watched.state, [item], self.book, None, opinions)
        self.services.note(watched, outcome)
        return outcome.detections

    def memory(self, item: Aggregate) -> list[bytes]:
        """What is stored of a series, but for how windows usually are made: values do not tell."""
        bank = self.services.learned.banks[self.rule.id]
        row = bank.find(item.service_name, item.series)
        assert row is not None
        kept = msgspec.msgpack.decode(encode(bank.bank, row), type=StoredEnsemble)
        return kept.rows[: -len(list(arrays.every(bank.bank.usual)))]


async def store(database: Database, items: list[Aggregate]) -> None:
    """The windows as the archive has them."""
    async with database.connection() as con:
        for start_s in {items[0].start_s, items[-1].start_s}:
            await ensure_partitions(con, datetime.fromtimestamp(start_s, UTC).date())
        await con.executemany(
            INSERT,
            [
                (one.service_name, one.metric_type, one.series,
                 datetime.fromtimestamp(one.start_s, UTC), datetime.fromtimestamp(one.end_s, UTC),
                 one.mean, one.window)
                for one in items
            ],
        )  # fmt: skip


async def test_a_new_worker_knows_what_the_old_one_knew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEEP_EVERY_S", 0.0)
    rule = Rule(id=str(uuid4()), name="unusual", kind="ensemble")
    service, clock = f"memory-{uuid4().hex[:8]}", FakeClock(BEGIN_S)
    items = [window(n, mean, service_name=service) for n, mean in enumerate(quiet(150))]
    old = Worker(database, rule, clock)
    for item in items[:100]:
        await old.take(item)
    memories = old.remembering.due(old.services)
    old.remembering.keep(memories)
    writing = asyncio.create_task(old.remembering.run())
    async with asyncio.timeout(20), database.connection() as con:
        query = "SELECT count(*) FROM detector_memory WHERE service_name = $1"
        while not await con.fetchval(query, service):
            await asyncio.sleep(0.01)
    writing.cancel()
    for item in items[100:]:
        await old.take(item)
    await store(database, items)
    new = Worker(database, rule, clock)
    # What the changelog holds: how far the series was judged.
    new.services.by_name[service] = deepcopy(old.services.by_name[service])
    # Still open: how windows usually are is known too.
    early = window(150, 900.0, service_name=service, final=False, count=5)
    (told,) = await new.take(early)
    assert told.onset_s == early.start_s
    outage = window(150, 900.0, service_name=service)
    await new.take(outage)
    await old.take(early)
    await old.take(outage)
    assert new.memory(outage) == old.memory(outage)


async def test_windows_that_were_stored_but_not_judged_are_judged(database: Database) -> None:
    """The archive is ahead of the detectors: an outage in between is no silent past."""
    rule = Rule(id=str(uuid4()), name="unusual", kind="ensemble")
    service = f"ahead-{uuid4().hex[:8]}"
    past = [window(n, mean, service_name=service) for n, mean in enumerate(quiet(200))]
    outage = [window(200 + n, 900.0, service_name=service) for n in range(5)]
    await store(database, [*past, *outage])
    worker = Worker(database, rule, FakeClock(BEGIN_S))
    found = [one for item in outage for one in await worker.take(item)]
    assert {one.onset_s for one in found} == {outage[0].start_s}


async def test_without_postgresql_a_series_is_learned_anew_and_asked_for_later(
    database: Database,
) -> None:
    rule = Rule(id=str(uuid4()), name="unusual", kind="ensemble")
    service, clock = f"away-{uuid4().hex[:8]}", FakeClock(BEGIN_S)
    items = [window(n, mean, service_name=service) for n, mean in enumerate(quiet(200))]
    await store(database, items)
    away = Database("postgresql://127.0.0.1:1/none", max_connections=1, deadline_s=1.0)
    worker = Worker(away, rule, clock)
    await worker.take(items[198])
    worker.remembering._database = database
    assert worker.services.learned.banks[rule.id].bank.count.max() == 1
    clock.advance(31.0)
    await worker.take(items[199])
    assert worker.services.learned.banks[rule.id].bank.count.max() == 200
