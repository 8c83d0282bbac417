"""The archive worker on real servers: exact rows, replays, quarantined partitions."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from liveops.intake.record import decode_record
from liveops.kafka.topics import ensure_topics
from liveops.postgres.database import set_codecs
from liveops.postgres.migrate import migrate
from liveops.settings import Settings
from schema.ids import raw_metric_id
from schema.metrics import Aggregate
from schema.times import format_time, to_datetime
from schema.topics import AGGREGATED, RAW
from schema.windows import write_window
from tests.aggregates import window
from tests.archive_worker import ArchiveWorker
from tests.client import eventually
from tests.stack import TestServers

pytestmark = pytest.mark.integration
Connection: TypeAlias = "asyncpg.Connection[Any]"
WEEK_S = 7 * 86_400.0


@pytest.fixture
async def con(servers: TestServers) -> AsyncIterator[Connection]:
    await migrate(servers.database_url)
    con = await asyncpg.connect(servers.database_url)
    await set_codecs(con)
    yield con
    await con.close()


@pytest.fixture
async def worker(servers: TestServers, con: Connection) -> AsyncIterator[ArchiveWorker]:
    settings = Settings(data_dir=servers.data_dir, broker_url=servers.broker_url)
    await ensure_topics(settings)
    worker = ArchiveWorker(servers, settings)
    worker.start()
    yield worker
    await worker.stop()


@pytest.fixture
def service() -> str:
    return f"svc-{uuid4().hex[:12]}"


def metric(service: str, value: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"service_name": service, "metric_type": "cpu", "value": value, **more}


def expected(places: list[Any], values: list[bytes | None]) -> dict[UUID, Any]:
    """The rows of records, by the careful decoder."""
    rows: dict[UUID, Any] = {}
    for place, value in zip(places, values, strict=True):
        found = decode_record(value or b"", place.timestamp / 1000.0, WEEK_S)
        for m, item in zip(found.metrics, found.items, strict=True):
            row = (m.metric_type, m.value, m.tags, to_datetime(m.timestamp_s))
            identity = m.id or raw_metric_id(RAW, place.partition, place.offset, item)
            rows.setdefault(UUID(identity), row)
    return rows


async def rows_of(con: Connection, service: str) -> list[tuple[UUID, Any]]:
    query = 'SELECT id, metric_type, value, tags, "timestamp" FROM metrics WHERE service_name = $1'
    return [(UUID(bytes=row[0].bytes), tuple(row)[1:]) for row in await con.fetch(query, service)]


async def stored(con: Connection, topic: str, place: Any) -> None:
    """Wait until the archive has stored a record."""
    query = "SELECT next_offset FROM sink_offsets WHERE topic = $1 AND partition = $2"

    async def passed() -> bool:
        return bool((await con.fetchval(query, topic, place.partition) or 0) > place.offset)

    await eventually(passed, "the archive")


async def test_rows_are_exact_and_stay_so_when_all_is_read_again(
    worker: ArchiveWorker, con: Connection, service: str
) -> None:
    now_s, given = time.time(), [str(uuid4()) for _ in range(3)]
    tags = {"az": "a", "host": "ü"}
    records: list[Any] = [
        metric(service, 1.0),
        metric(service, 2.5, tags=tags, timestamp=format_time(now_s - 60.25)),
        metric(service, 3.5, tags=tags, timestamp=now_s - 61.125),
        metric(service, 4.0, id=given[0]),
        metric(service, 5.0, id=given[0]),
        {"service_name": service, "metrics": [{"metric_type": "m", "value": n} for n in range(5)]},
        {
            "service_name": service,
            "metrics": [{"metric_type": "m", "value": 1, "id": i} for i in given],
        },
        metric(service, 6.0, extra=1),
        metric(service, 7.0),
    ]
    values: list[bytes | None] = [None, b"{", *(orjson.dumps(r) for r in records)]
    places = await worker.send(RAW, 2, *values)
    await stored(con, RAW, places[-1])
    found = await rows_of(con, service)
    assert len(found) == len({identity for identity, _ in found})
    assert dict(found) == expected(places, values)

    worker.kill()
    more: list[bytes | None] = [
        orjson.dumps(metric(service, 8.0, id=given[1])),
        orjson.dumps(metric(service, 9.0)),
    ]
    await worker.rewind(RAW)
    worker.start()
    places += await worker.send(RAW, 5, *more)
    await stored(con, RAW, places[-1])
    marker = (await worker.send(RAW, 2, orjson.dumps(metric(service, 10.0))))[0]
    await stored(con, RAW, marker)
    values = [*values, *more, orjson.dumps(metric(service, 10.0))]
    found = await rows_of(con, service)
    assert len(found) == len({identity for identity, _ in found})
    assert dict(found) == expected([*places, marker], values)


async def test_the_highest_revision_of_a_window_stays(
    worker: ArchiveWorker, con: Connection, service: str
) -> None:
    start_s = int(time.time()) // 60 * 60 - 600

    def record(revision: int, count: int) -> bytes:
        made: Aggregate = window(
            0, 1.0, service_name=service, start_s=start_s, end_s=start_s + 60, count=count,
            revision=revision,
        )  # fmt: skip
        return write_window(made)

    query = "SELECT revision, count FROM metric_windows WHERE service_name = $1"
    sent = await worker.send(AGGREGATED, 1, record(1, 5), record(3, 7), record(2, 6), b"nonsense")
    await stored(con, AGGREGATED, sent[-1])
    assert [tuple(row) for row in await con.fetch(query, service)] == [(3, 7)]
    for revision, count, left in ((2, 8, (3, 7)), (3, 9, (3, 9)), (4, 1, (4, 1))):
        sent = await worker.send(AGGREGATED, 1, record(revision, count))
        await stored(con, AGGREGATED, sent[-1])
        assert [tuple(row) for row in await con.fetch(query, service)] == [left]


async def test_rows_of_days_without_a_partition_get_one(
    worker: ArchiveWorker, con: Connection, service: str
) -> None:
    start_s = int(time.time() - 30 * 86_400) // 60 * 60
    made = window(0, 1.0, service_name=service, start_s=start_s, end_s=start_s + 60)
    sent = await worker.send(AGGREGATED, 1, write_window(made))
    await stored(con, AGGREGATED, sent[-1])
    query = "SELECT count(*) FROM metric_windows WHERE service_name = $1"
    assert await con.fetchval(query, service) == 1


async def test_an_emptied_database_is_filled_again_from_the_log(
    worker: ArchiveWorker, con: Connection, service: str
) -> None:
    sent = await worker.send(RAW, 3, *(orjson.dumps(metric(service, n)) for n in range(50)))
    await stored(con, RAW, sent[-1])
    before = sorted(await rows_of(con, service), key=str)
    await worker.stop()  # Kafka's offsets are committed
    await con.execute("TRUNCATE metrics, sink_offsets, archived_ids")
    worker.start()
    await stored(con, RAW, sent[-1])
    assert sorted(await rows_of(con, service), key=str) == before


async def test_a_recreated_topic_is_quarantined_until_its_offsets_are_deleted(
    worker: ArchiveWorker, con: Connection, service: str
) -> None:
    sent = await worker.send(RAW, 0, *(orjson.dumps(metric(service, n)) for n in range(20)))
    await stored(con, RAW, sent[-1])
    await worker.stop()
    await _recreate(worker)
    fresh = f"{service}-2"
    worker.start()

    async def quarantined() -> bool:
        status, text = await worker.health()
        return status == 503 and "metrics.raw/0 ends at offset 0" in text

    await eventually(quarantined, "the quarantine")
    sent = await worker.send(RAW, 0, *(orjson.dumps(metric(fresh, n)) for n in range(3)))
    other = await worker.send(RAW, 7, orjson.dumps(metric(fresh, 7.0)))
    await stored(con, RAW, other[-1])
    assert [row[1] for _, row in await rows_of(con, fresh)] == [7.0]

    await worker.stop()
    assert [row[1] for _, row in await rows_of(con, fresh)] == [7.0]
    await con.execute("DELETE FROM sink_offsets WHERE topic = $1 AND partition < 7", RAW)
    worker.start()
    await stored(con, RAW, sent[-1])
    assert sorted(row[1] for _, row in await rows_of(con, fresh)) == [0.0, 1.0, 2.0, 7.0]


async def _recreate(worker: ArchiveWorker) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=worker.servers.broker_url)
    await admin.start()
    try:
        await admin.delete_topics([RAW])

        async def gone() -> bool:
            return RAW not in await admin.list_topics()

        await eventually(gone, "the deletion")
        await ensure_topics(worker.settings)
    finally:
        await admin.close()
