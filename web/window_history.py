"""Windows of a service out of both stores: closed ones in PostgreSQL, the newest in Redis.

An answer may hold tens of thousands of windows. They are kept as the JSON they will be sent
as, in objects that the garbage collector need not look at, and are taken in and given back
in slices: the collector, or freeing all of them at once, would hold the event loop long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from liveops.deps import Deps
from liveops.errors import Unavailable
from liveops.postgres.history import WindowQuery, read_windows
from liveops.redis import keys
from liveops.slices import Slices
from schema.metrics import POINT_FIELDS
from schema.times import format_edge, parse_edge

#: Service, metric type and sorted tags.
SeriesName = tuple[str, str, tuple[tuple[str, str], ...]]
#: Windows of one answer.
MAX_POINTS = 50_000


class _Stored(Struct, gc=False):
    """What is read of a window in Redis; whatever else it holds is passed over."""

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
    service_name: str
    metric_type: str
    tags: Raw
    revision: int
    increase: float | None = None
    rate_per_s: float | None = None


class _Mergeable(_Stored, gc=False):
    """The same with what is needed to merge it with others."""

    kind: str = "gauge"
    histogram: Raw | UnsetType = UNSET
    sketch: str | UnsetType = UNSET


_NUMBERS = [name for name in POINT_FIELDS if name != "final"]
_RAW_LIST = msgspec.json.Decoder(list[Raw])
_TAGS = msgspec.json.Decoder(dict[str, str])
_encode = msgspec.json.Encoder().encode


class Kept(Struct, gc=False):
    """One window: what decides between two of them, and its JSON.

    The JSON is what clients see or, where windows are to be merged, all that takes.
    """

    final: bool
    revision: int
    count: int
    text: bytes

    def beats(self, other: Kept) -> bool:
        """A closed window comes before an open one, a higher revision before a lower."""
        mine = (self.final, self.revision, self.count)
        return mine > (other.final, other.revision, other.count)


@dataclass(slots=True)
class HistoryAnswer:
    """Windows by series and start; `degraded` names the stores that did not answer.

    `truncated`: there are older windows than these in the span, left out whole.
    `fields`: what is kept of each window; None where all of it is.
    """

    fields: tuple[str, ...] | None = None
    series: dict[SeriesName, dict[str, Kept]] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)
    truncated: bool = False
    #: How many series have a window of each start.
    counts: dict[str, int] = field(default_factory=dict)
    #: Names by service, metric type and tags as they are written.
    _names: dict[tuple[str, str, bytes], SeriesName] = field(default_factory=dict)

    def add(self, name: SeriesName, start: str, window: Kept) -> None:
        """Take in a window, unless a better one of this series and start is there."""
        points = self.series.setdefault(name, {})
        known = points.get(start)
        if known is None:
            self.counts[start] = self.counts.get(start, 0) + 1
        if known is None or window.beats(known):
            points[start] = window

    def name_of(self, service: str, metric_type: str, tags: bytes) -> SeriesName:
        """The name of a series; each way to write its tags is read once."""
        name = self._names.get((service, metric_type, tags))
        if name is None:
            name = (service, metric_type, tuple(sorted(_TAGS.decode(tags).items())))
            self._names[service, metric_type, tags] = name
        return name

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
        early = [start for start in self.counts if parse_edge(start) < from_s]
        slices = Slices()
        for name in list(self.series):
            if slices.is_over:
                await slices.rest()
            points = self.series[name]
            for start in early:
                points.pop(start, None)
            if not points:
                del self.series[name]


async def collect(deps: Deps, query: WindowQuery, fields: tuple[str, ...]) -> HistoryAnswer:
    """The newest windows of [from, to), at most MAX_POINTS of them, of each start all or none.

    Each holds the given fields, or all that merging takes where windows are to be merged.

    Without Redis the answer lacks open windows; without PostgreSQL it lacks history;
    raises Unavailable when neither answers.
    """
    answer = HistoryAnswer(fields=None if query.mergeable else ("start", "end", *fields))
    await take_newest(deps, query, answer)
    complete_from_s = query.from_s
    try:
        rows = await read_windows(deps.database, query, MAX_POINTS + 1)
    except Unavailable:
        if answer.degraded:
            raise
        answer.degraded.append("postgres")
    else:
        complete_from_s = max(complete_from_s, complete_from(rows, answer))
        await take_rows(rows, answer)
    await keep_room(answer, complete_from_s, query)
    return answer


async def keep_room(answer: HistoryAnswer, complete_from_s: float, query: WindowQuery) -> None:
    """Leave out the windows from before a start, and those for which there is no room."""
    kept_from_s = answer.room_from_s(complete_from_s)
    if kept_from_s > query.from_s:
        answer.truncated = True
        await answer.drop_before(kept_from_s)


def complete_from(rows: list[Any], answer: HistoryAnswer) -> float:
    """From which start on these rows, the newest first, are all there are; -inf if they are.

    One row too many tells that they were cut: of the last one's start there may be more.
    """
    if len(rows) <= MAX_POINTS:
        return -math.inf
    answer.truncated = True
    last_s: float = rows[-1]["start"].timestamp()
    return last_s if rows[0]["start"] == rows[-1]["start"] else last_s + 1


async def take_newest(deps: Deps, query: WindowQuery, answer: HistoryAnswer) -> None:
    """Take in what Redis holds; without it the answer is degraded."""
    try:
        await _read_redis(deps, query, answer)
    except Unavailable:
        answer.degraded.append("redis")


async def take_rows(rows: list[Any], answer: HistoryAnswer) -> None:
    """Take in rows of closed windows; empties the list on the way."""
    slices = Slices()
    while rows:
        if slices.is_over:
            await slices.rest()
        row = rows.pop()
        take(_of_row(row), answer)


def _of_row(row: Any) -> _Mergeable:
    numbers: dict[str, Any] = {name: row[name] for name in _NUMBERS}
    histogram, sketch = row["histogram"], row.get("sketch")
    return _Mergeable(
        start=format_edge(row["start"].timestamp()),
        end=format_edge(row["end"].timestamp()),
        final=True,
        service_name=row["service_name"],
        metric_type=row["metric_type"],
        tags=Raw(row["tags"].encode()),
        revision=row["revision"],
        kind=row["kind"],
        sketch=UNSET if sketch is None else sketch,
        histogram=UNSET if histogram is None else Raw(histogram.encode()),
        **numbers,
    )


async def _read_redis(deps: Deps, query: WindowQuery, answer: HistoryAnswer) -> None:
    async with deps.cache.guard() as client:
        pipe = client.pipeline(transaction=False)
        for service in query.services:
            pipe.hvals(keys.aggregates(service, query.window))
            pipe.zrange(keys.closed(service, query.window), 0, -1)
        found = await pipe.execute()
    decoder = msgspec.json.Decoder(_Mergeable if query.mergeable else _Stored)
    slices = Slices()
    for newest, packs in zip(found[::2], found[1::2], strict=True):
        for pack in (newest, *packs):
            for text in pack if isinstance(pack, list) else _RAW_LIST.decode(pack):
                if slices.is_over:
                    await slices.rest()
                window = decoder.decode(text)
                if _is_asked_for(window, query):
                    take(window, answer)


def _is_asked_for(window: _Stored, query: WindowQuery) -> bool:
    if query.metrics and window.metric_type not in query.metrics:
        return False
    return query.from_s <= parse_edge(window.start) < query.to_s


def take(window: _Stored, answer: HistoryAnswer) -> None:
    """Take in a window with what of it is kept."""
    shown = window if answer.fields is None else {n: getattr(window, n) for n in answer.fields}
    kept = Kept(window.final, window.revision, window.count, _encode(shown))
    name = answer.name_of(window.service_name, window.metric_type, bytes(window.tags))
    answer.add(name, window.start, kept)
