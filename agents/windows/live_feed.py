"""Hot data in Redis: the last metrics, the newest windows, and the live fan-out.

Redis is a cache: what cannot be written is dropped and counted by the breaker, and the
windows never wait for it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from time import monotonic
from typing import Any

import orjson
import structlog

from agents.windows.live_tail import KEEP_LIVE, LiveRow, LiveTail, metric_of
from agents.windows.partition_windows import Written
from agents.windows.shown_windows import ShownWindows
from liveops.errors import Unavailable
from liveops.intake.chunk import DecodedChunk
from liveops.redis import keys
from liveops.redis.cache import Cache
from schema.times import parse_time_s

log = structlog.get_logger(__name__)
KEEP_CLOSED_S = 900
AGG_TTL_S = 1800
#: How often what is out of date is removed.
_TIDY_S = 60.0
_PAUSE_S = 0.02
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

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._next_s = 0.0
        self._tail = LiveTail()
        self._points: dict[str, dict[str, bytes]] = defaultdict(dict)
        self._closed: dict[str, dict[bytes, int]] = defaultdict(dict)
        self._shown = ShownWindows()
        self._tidied_s = 0.0

    def show(self, chunk: DecodedChunk) -> None:
        """Show the metrics of a chunk: of each service the newest until the next flush."""
        self._tail.add(chunk)

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
        now_s = monotonic()
        for series, record in records:
            if self._shown.is_newest(key, series, start_s, now_s):
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
        self._next_s = now_s + (_STRETCHED_S if len(self._tail) > _MANY else 0.0)
        tail, self._tail = self._tail, LiveTail()
        points, self._points = self._points, defaultdict(dict)
        closed, self._closed = self._closed, defaultdict(dict)
        if not (tail or points or closed):
            return
        try:
            async with self._cache.guard() as client:
                await self._adopt(client, points)
                await _send(client, _writes(tail, points, closed))
                if now_s > self._tidied_s + _TIDY_S:
                    self._tidied_s = now_s
                    await _send(client, self._removals())
        except Unavailable:
            log.debug("live data not written, redis is away")

    async def _adopt(self, client: Any, keys_written: Iterable[str]) -> None:
        """Learn what an earlier worker left in these hashes, so that it does not stay for ever."""
        for key in self._shown.unknown(keys_written):
            found = await client.hgetall(key)
            starts: dict[str, int] = {}
            for number, (series, record) in enumerate(found.items(), 1):
                starts[_text(series)] = _start_of(record)
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            self._shown.adopt(key, starts)

    def _removals(self) -> Iterator[tuple[int, Write]]:
        """Fields of series that are silent while others of their service are not."""
        self._shown.forget_expired(monotonic())
        for key, gone in self._shown.take_outdated():
            yield len(gone), partial(_remove_points, key, gone)


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
    tail: LiveTail, points: dict[str, dict[str, bytes]], closed: dict[str, dict[bytes, int]]
) -> Iterator[tuple[int, Write]]:
    """What to write, each with what it costs: a window's field is 1."""
    most = max(_FEWEST, min(KEEP_LIVE, _MOST // max(1, len(tail.rows))))
    for service, rows in tail.rows.items():
        newest = list(rows)[-most:]
        left_out = tail.left_out.get(service, 0) + len(rows) - len(newest)
        yield _METRIC_COST * len(newest), partial(_write_metrics, service, newest, left_out)
    for key, fields in points.items():
        yield len(fields), partial(_write_points, key, fields)
    for key, members in closed.items():
        yield _PACK_COST * len(members), partial(_write_closed, key, members)


def _write_metrics(service: str, newest: list[LiveRow], left_out: int, pipe: Any) -> None:
    """Into the service's list and out to its watchers, who are told how many they do not see."""
    items = [metric_of(row) for row in newest]
    public = [orjson.dumps(item.public()) for item in items]
    key = keys.live(service)
    pipe.lpush(key, *public)
    pipe.ltrim(key, 0, KEEP_LIVE - 1)
    message = {
        "service_name": service,
        "metrics": [orjson.Fragment(text) for text in public],
        "dropped": left_out,
    }
    pipe.publish(keys.LIVE_METRICS_CHANNEL, orjson.dumps(message))
    pipe.zadd(keys.SERVICES, {service: max(item.timestamp_s for item in items)})


def _text(name: str | bytes) -> str:
    return name if isinstance(name, str) else name.decode()


def _start_of(record: str | bytes) -> int:
    """Start of a window in epoch seconds; 0 where a stranger has written something else."""
    try:
        return int(parse_time_s(orjson.loads(record)["start"]))
    except (ValueError, KeyError, TypeError):
        return 0


def _remove_points(key: str, series: list[str], pipe: Any) -> None:
    pipe.hdel(key, *series)


def _write_points(key: str, fields: dict[str, bytes], pipe: Any) -> None:
    pipe.hset(key, mapping=fields)
    pipe.expire(key, AGG_TTL_S)


def _write_closed(key: str, members: dict[bytes, int], pipe: Any) -> None:
    pipe.zadd(key, members)
    pipe.zremrangebyscore(key, "-inf", max(members.values()) - 2 * KEEP_CLOSED_S)
    pipe.expire(key, AGG_TTL_S)
