"""Windows of a service out of both stores: closed ones in PostgreSQL, the newest in Redis."""

from __future__ import annotations

import math
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
from web import history_answer
from web.history_answer import HistoryAnswer, Kept


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
_encode = msgspec.json.Encoder().encode


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
        rows = await read_windows(deps.database, query, history_answer.MAX_POINTS + 1)
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
    if len(rows) <= history_answer.MAX_POINTS:
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
