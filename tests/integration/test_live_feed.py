"""What the windows' worker writes to Redis, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import orjson
import pytest
from redis.exceptions import DataError

from agents.windows.live_feed import LiveFeed
from agents.windows.partition_windows import Written
from liveops.redis import keys
from liveops.redis.cache import Cache
from schema.metrics import Aggregate
from schema.windows import write_window
from tests.stack import TestServers

pytestmark = pytest.mark.integration
START_S = 1_800_000_000


def window(service: str, start_s: int, *, final: bool) -> Aggregate:
    return Aggregate(
        service, "cpu", {"az": "a"}, "1m", start_s, start_s + 60, 1, 2.0, 2.0, 2.0, 2.0, 0.0,
        2.0, 2.0, 2.0, 1.0, final, 0, {}, broker_time_s=float(start_s),
    )  # fmt: skip


def written(item: Aggregate) -> Written:
    return Written(item.service_name, "1m", item.start_s, [(item.series, write_window(item))])


@pytest.fixture
async def cache(servers: TestServers) -> AsyncIterator[Cache]:
    cache = Cache(servers.redis_url)
    yield cache
    await cache.stop()


async def shown(cache: Cache, service: str) -> dict[str, Any]:
    async with cache.guard() as client:
        found = await client.hgetall(keys.aggregates(service, "1m"))
    return {series: orjson.loads(text)["start"] for series, text in found.items()}


async def closed(cache: Cache, service: str) -> list[str]:
    async with cache.guard() as client:
        packs = await client.zrange(keys.closed(service, "1m"), 0, -1)
    return [item["start"] for pack in packs for item in orjson.loads(pack)]


async def test_an_older_window_that_closes_is_kept_and_the_newer_stays_shown(cache: Cache) -> None:
    feed, service, other = LiveFeed(cache), f"a-{uuid4()}", f"b-{uuid4()}"
    newer = window(service, START_S + 60, final=False)
    feed.show_windows([written(newer)])
    await feed.flush()
    older, beside = window(service, START_S, final=True), window(other, START_S, final=True)
    for item in (older, beside):
        feed.add_closed([written(item)])
    await feed.flush()
    assert await shown(cache, service) == {"cpu{az=a}": "2027-01-15T08:01:00Z"}
    assert await closed(cache, service) == ["2027-01-15T08:00:00Z"]
    assert await shown(cache, other) == {"cpu{az=a}": "2027-01-15T08:00:00Z"}


async def test_windows_that_close_together_are_one_member(cache: Cache) -> None:
    feed, service = LiveFeed(cache), f"c-{uuid4()}"
    texts = [write_window(window(service, START_S, final=True)) for _ in range(3)]
    feed.add_closed([Written(service, "1m", START_S, [(f"s{n}", t) for n, t in enumerate(texts)])])
    await feed.flush()
    assert len(await closed(cache, service)) == 3
    async with cache.guard() as client:
        assert await client.zcard(keys.closed(service, "1m")) == 1


async def test_more_than_goes_into_one_pipeline_is_all_written(cache: Cache) -> None:
    feed, services = LiveFeed(cache), [f"d{n}-{uuid4()}" for n in range(5)]
    for service in services:
        text = write_window(window(service, START_S, final=True))
        feed.add_closed([Written(service, "1m", START_S, [(f"s{n}", text) for n in range(700)])])
    await feed.flush()
    for service in services:
        assert len(await shown(cache, service)) == 700
        assert len(await closed(cache, service)) == 700


async def test_a_command_that_cannot_be_is_no_trouble_of_the_server(cache: Cache) -> None:
    with pytest.raises(DataError):
        async with cache.guard() as client:
            await client.hset("metrics:agg:x:1m", mapping={})
    assert cache.healthy


async def test_a_series_that_fell_silent_leaves_the_hash_of_its_service(cache: Cache) -> None:
    service = f"e-{uuid4()}"
    earlier = LiveFeed(cache)  # a worker that is gone
    old = window(service, START_S, final=True)
    earlier.show_windows([Written(service, "1m", START_S, [("dead-pod", write_window(old))])])
    await earlier.flush()
    feed = LiveFeed(cache)
    later_s = START_S + 3600
    text = write_window(window(service, later_s, final=False))
    feed.show_windows([Written(service, "1m", later_s, [("cpu{az=a}", text)])])
    await feed.flush()
    assert list(await shown(cache, service)) == ["cpu{az=a}"]
