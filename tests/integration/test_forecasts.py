"""Forecasts from stored windows: made in their own process, kept, and known to the next worker."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from copy import deepcopy
from random import Random
from uuid import uuid4

import numpy as np
import pytest
import pytest_asyncio

from agents.incidents import remembering as module
from agents.incidents.foreseeing import Foreseeing
from liveops.clock import FakeClock
from liveops.detection import forecast
from liveops.detection.bank import Bank
from liveops.postgres.database import Database
from liveops.postgres.migrate import migrate
from schema.metrics import Aggregate
from schema.rules import Rule
from tests.aggregates import BEGIN_S, window
from tests.integration.test_detector_memory import Worker, store
from tests.stack import TestServers

pytestmark = pytest.mark.integration
DAY = 288
ROW = np.zeros(1, np.int64)


@pytest_asyncio.fixture
async def database(servers: TestServers) -> AsyncIterator[Database]:
    await migrate(servers.database_url)
    opened = Database(servers.database_url, max_connections=2)
    yield opened
    await opened.stop()


def by_day(number: int, noise: Random) -> float:
    return 100.0 + 50.0 * math.sin(2 * math.pi * number / DAY) + noise.gauss(0.0, 1.0)


def season(service: str, days: int) -> list[Aggregate]:
    noise = Random(3)
    return [
        window(n, by_day(n, noise), service_name=service, window="5m") for n in range(days * DAY)
    ]


def bank_of(worker: Worker) -> Bank:
    return worker.services.learned.banks[worker.rule.id].bank


async def until_foreseen(worker: Worker) -> None:
    async with asyncio.timeout(60):
        while bank_of(worker).forecasts.start_s[0] < BEGIN_S:
            await asyncio.sleep(0.02)


async def test_a_forecast_is_made_and_known_to_the_next_worker(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEEP_EVERY_S", 0.0)
    rule = Rule(id=str(uuid4()), name="off the forecast", kind="forecast", window="5m")
    service, clock = f"season-{uuid4().hex[:8]}", FakeClock(BEGIN_S)
    items = season(service, 4)
    await store(database, items)
    old = Worker(database, rule, clock)
    await old.take(items[-1])
    foreseeing = Foreseeing(old.services, database)
    fitting = asyncio.create_task(foreseeing.run())
    try:
        await until_foreseen(old)
    finally:
        fitting.cancel()
    noon_s = np.array([items[-1].end_s + 300.0 * DAY / 4])
    foreseen = forecast.expected(bank_of(old).forecasts, ROW, noon_s)[0]
    assert foreseen == pytest.approx(150.0, abs=10.0)
    old.remembering.keep(old.remembering.due(old.services))
    writing = asyncio.create_task(old.remembering.run())
    async with asyncio.timeout(20), database.connection() as con:
        query = "SELECT count(*) FROM detector_memory WHERE service_name = $1"
        while not await con.fetchval(query, service):
            await asyncio.sleep(0.01)
    writing.cancel()
    new = Worker(database, rule, clock)
    new.services.by_name[service] = deepcopy(old.services.by_name[service])
    at_noon = window(4 * DAY, 100.0 - 50.0, service_name=service, window="5m")
    (told,) = await new.take(at_noon)
    assert told.expected == pytest.approx(100.0, abs=10.0)
    again = forecast.expected(bank_of(new).forecasts, ROW, noon_s)[0]
    assert again == foreseen


async def test_a_series_without_enough_history_is_tried_and_left(database: Database) -> None:
    rule = Rule(id=str(uuid4()), name="off the forecast", kind="forecast", window="5m")
    service = f"short-{uuid4().hex[:8]}"
    worker = Worker(database, rule, FakeClock(BEGIN_S))
    for item in season(service, 4):
        await worker.take(item)  # judged, and lost to the archive
    fitting = asyncio.create_task(Foreseeing(worker.services, database).run())
    async with asyncio.timeout(60):
        while bank_of(worker).forecasts.tried_s[0] < BEGIN_S:
            await asyncio.sleep(0.02)
    fitting.cancel()
    assert bank_of(worker).forecasts.start_s[0] < BEGIN_S
