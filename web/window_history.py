"""Windows of a service out of both stores: closed ones in PostgreSQL, the newest in Redis."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

import msgspec

from liveops.deps import Deps
from liveops.errors import Unavailable
from liveops.postgres.history import WindowQuery, point_of, read_windows
from liveops.redis import keys
from liveops.slices import Slices
from schema.times import parse_edge

Point = dict[str, Any]
#: Metric type and sorted tags.
SeriesName = tuple[str, tuple[tuple[str, str], ...]]
#: Windows of one answer.
MAX_POINTS = 50_000


class _Point(TypedDict):
    """What is read of a window in Redis; whatever else it holds is passed over."""

    metric_type: str
    tags: dict[str, str]
    start: str
    end: str
    count: int
    sum: float
    min: float
    max: float
    mean: float
    stddev: float
    p50: float
    p95: float
    p99: float
    rate: float
    final: bool
    revision: int


class _MergeablePoint(_Point):
    """The same with what is needed to merge it with others."""

    histogram: NotRequired[dict[str, Any]]
    sketch: NotRequired[str]


_RAW_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_PLAIN = msgspec.json.Decoder(_Point)
_MERGEABLE = msgspec.json.Decoder(_MergeablePoint)


@dataclass(slots=True)
class Found:
    """Windows by series and start; `degraded` names the stores that did not answer.

    `truncated`: there are older windows than these in the span, left out whole.
    """

    series: dict[SeriesName, dict[str, Point]] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)
    truncated: bool = False
    #: How many series have a window of each start.
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, point: Point) -> None:
        """The highest revision counts, a closed window before an open one."""
        start = point["start"]
        name = (point["metric_type"], tuple(sorted(point["tags"].items())))
        points = self.series.setdefault(name, {})
        known = points.get(start)
        if known is None:
            self.counts[start] = self.counts.get(start, 0) + 1
        if known is None or _rank(point) > _rank(known):
            points[start] = point

    def room_from_s(self, from_s: float) -> float:
        """The earliest start from which at most MAX_POINTS are there; the newest always is."""
        room, earliest_s = MAX_POINTS, math.inf
        for start_s, count in sorted(
            ((parse_edge(start), count) for start, count in self.counts.items()), reverse=True
        ):
            room -= count
            if start_s < from_s:
                break
            if room < 0 and earliest_s < math.inf:
                return earliest_s
            earliest_s = start_s
        return from_s

    async def drop_before(self, from_s: float) -> None:
        """Leave out the windows that start earlier."""
        late = {start for start in self.counts if parse_edge(start) >= from_s}
        slices = Slices()
        for name in list(self.series):
            if slices.is_over:
                await slices.rest()
            points = self.series[name]
            kept = {start: points[start] for start in points.keys() & late}
            if kept:
                self.series[name] = kept
            else:
                del self.series[name]


def _rank(point: Point) -> tuple[bool, int, int]:
    return bool(point["final"]), point["revision"], point["count"]


async def collect(deps: Deps, query: WindowQuery) -> Found:
    """The newest windows of [from, to), at most MAX_POINTS of them, of each start all or none.

    Without Redis the answer lacks open windows; without PostgreSQL it lacks history;
    raises Unavailable when neither answers.
    """
    found = Found()
    try:
        await _read_redis(deps, query, found)
    except Unavailable:
        found.degraded.append("redis")
    complete_from_s = query.from_s
    try:
        rows = await read_windows(deps.database, query, MAX_POINTS + 1)
    except Unavailable:
        if found.degraded:
            raise
        found.degraded.append("postgres")
    else:
        if len(rows) > MAX_POINTS:
            complete_from_s = _complete_from_s(rows)
            found.truncated = True
        await _take_rows(rows, found)
    kept_from_s = found.room_from_s(complete_from_s)
    if kept_from_s > query.from_s:
        found.truncated = True
        await found.drop_before(kept_from_s)
    return found


def _complete_from_s(rows: list[Any]) -> float:
    """Rows come newest first and were cut: of the last one's start there may be more."""
    last_s: float = rows[-1]["start"].timestamp()
    return last_s if rows[0]["start"] == rows[-1]["start"] else last_s + 1


async def _take_rows(rows: list[Any], found: Found) -> None:
    slices = Slices()
    for row in rows:
        if slices.is_over:
            await slices.rest()
        found.add(point_of(row))


async def _read_redis(deps: Deps, query: WindowQuery, found: Found) -> None:
    async with deps.cache.guard() as client:
        pipe = client.pipeline(transaction=False)
        pipe.hvals(keys.aggregates(query.service, query.window))
        pipe.zrange(keys.closed(query.service, query.window), 0, -1)
        texts, packs = await pipe.execute()
    decoder: msgspec.json.Decoder[Any] = _MERGEABLE if query.mergeable else _PLAIN
    slices = Slices()
    for pack in (texts, *packs):
        for text in pack if isinstance(pack, list) else _RAW_LIST.decode(pack):
            if slices.is_over:
                await slices.rest()
            point = decoder.decode(text)
            if _is_wanted(point, query):
                found.add(point)


def _is_wanted(point: Point, query: WindowQuery) -> bool:
    return (
        query.metric is None or point["metric_type"] == query.metric
    ) and query.from_s <= parse_edge(point["start"]) < query.to_s
