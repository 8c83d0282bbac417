"""Hot data in Redis: the last metrics, the newest windows, and the live fan-out.

Redis is a cache: what cannot be written is dropped and counted by the breaker, and the
windows never wait for it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import orjson
import structlog

from agents.windows.partition_windows import Written
from agents.windows.shown import KEEP_LIVE, Shown, metrics_of
from liveops.errors import Unavailable
from liveops.redis import keys
from liveops.redis.cache import Cache

log = structlog.get_logger(__name__)
KEEP_CLOSED_S = 900
AGG_TTL_S = 1800
_PAUSE_S = 0.2
#: With more metrics than these to show at once, the next are shown a second later.
_MANY = 1000
_STRETCHED_S = 1.0
#: Metrics shown in one flush, of many services fewer each, but never less than a few.
_MOST, _FEWEST = 1000, 10
#: Work of one pipeline in fields of windows, and what a metric to decode and a pack of
#: closed windows cost in them: about three milliseconds.
_AT_ONCE, _METRIC_COST, _PACK_COST = 1000, 12, 30
#: Puts commands into a pipeline.
Write = Callable[[Any], None]


class LiveFeed:
    """Gathers what changed and writes it to Redis in pipelines."""

    def __init__(self, cache: Cache, *, max_age_s: float) -> None:
        self._cache = cache
        self._max_age_s = max_age_s
        self._next_s = 0.0
        self._metrics: dict[str, deque[Shown]] = _no_metrics()
        self._points: dict[str, dict[str, bytes]] = defaultdict(dict)
        self._closed: dict[str, dict[bytes, int]] = defaultdict(dict)
        #: Start of the newest window shown, by key and series.
        self._newest: dict[str, dict[str, int]] = defaultdict(dict)

    def show(self, records: dict[str, list[Shown]]) -> None:
        """Show the metrics of these records: of each service the newest until the next flush."""
        for service, newest in records.items():
            self._metrics[service].extend(newest)

    def show_windows(self, windows: list[Written]) -> None:
        """Newest state of windows."""
        for service, window, start_s, records in windows:
            self._show(keys.aggregates(service, window), start_s, records)

    def add_closed(self, closed: list[Written]) -> None:
        """Closed windows stay readable here until the archive surely has them."""
        self.show_windows(closed)
        for service, window, start_s, records in closed:
            texts = b",".join([record for _, record in records])
            self._closed[keys.closed(service, window)][b"[" + texts + b"]"] = start_s

    def _show(self, key: str, start_s: int, records: list[tuple[str, bytes]]) -> None:
        """Make them the newest windows of their series, unless newer ones are shown."""
        newest = self._newest[key]
        for series, record in records:
            if start_s >= newest.get(series, 0):
                newest[series] = start_s
                self._points[key][series] = record

    async def run(self) -> None:
        """Flush again and again."""
        while True:
            await asyncio.sleep(_PAUSE_S)
            await self.flush()

    async def flush(self) -> None:
        """Write what was gathered; on trouble it is dropped. Under load only each second."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._next_s:
            return
        shown = sum(map(len, self._metrics.values()))
        self._next_s = now_s + (_STRETCHED_S if shown > _MANY else 0.0)
        metrics, self._metrics = self._metrics, _no_metrics()
        points, self._points = self._points, defaultdict(dict)
        closed, self._closed = self._closed, defaultdict(dict)
        if not (metrics or points or closed):
            return
        try:
            async with self._cache.guard() as client:
                await _send(client, _writes(metrics, points, closed, self._max_age_s))
        except Unavailable:
            log.debug("live data not written, redis is away")


def _no_metrics() -> dict[str, deque[Shown]]:
    return defaultdict(lambda: deque(maxlen=KEEP_LIVE))


async def _send(client: Any, writes: Iterable[tuple[int, Write]]) -> None:
    """In pipelines of some milliseconds' work each: nobody waits long for the loop."""
    pipe, work = client.pipeline(transaction=False), 0
    for cost, write in writes:
        write(pipe)
        work += cost
        if work >= _AT_ONCE:
            await pipe.execute()
            pipe, work = client.pipeline(transaction=False), 0
    await pipe.execute()


def _writes(
    metrics: dict[str, deque[Shown]],
    points: dict[str, dict[str, bytes]],
    closed: dict[str, dict[bytes, int]],
    max_age_s: float,
) -> Iterator[tuple[int, Write]]:
    """What to write, each with what it costs: a window's field is 1."""
    most = max(_FEWEST, min(KEEP_LIVE, _MOST // max(1, len(metrics))))
    for service, shown in metrics.items():
        cost = _METRIC_COST * min(most, len(shown))
        yield cost, partial(_write_metrics, service, shown, max_age_s, most)
    for key, fields in points.items():
        yield len(fields), partial(_write_points, key, fields)
    for key, members in closed.items():
        yield _PACK_COST * len(members), partial(_write_closed, key, members)


def _write_metrics(
    service: str, shown: deque[Shown], max_age_s: float, most: int, pipe: Any
) -> None:
    items = metrics_of(shown, max_age_s, most)
    if not items:
        return
    public = [orjson.dumps(item.public()) for item in items]
    key = keys.live(service)
    pipe.lpush(key, *public)
    pipe.ltrim(key, 0, KEEP_LIVE - 1)
    message = {"service_name": service, "metrics": [orjson.Fragment(text) for text in public]}
    pipe.publish(keys.LIVE_METRICS_CHANNEL, orjson.dumps(message))
    pipe.zadd(keys.SERVICES, {service: max(item.timestamp_s for item in items)})


def _write_points(key: str, fields: dict[str, bytes], pipe: Any) -> None:
    pipe.hset(key, mapping=fields)
    pipe.expire(key, AGG_TTL_S)


def _write_closed(key: str, members: dict[bytes, int], pipe: Any) -> None:
    pipe.zadd(key, members)
    pipe.zremrangebyscore(key, "-inf", max(members.values()) - 2 * KEEP_CLOSED_S)
    pipe.expire(key, AGG_TTL_S)
