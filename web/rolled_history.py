"""Windows of an hour or a day: stored rollups, and the newest merged while one waits.

A rollup is used where nothing has changed since it was made. What has changed, in PostgreSQL
or only in Redis, is merged here from windows of 15 minutes, so that the newest hour grows as
these do and no value is missing or counted twice where rollups end.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import Any

import orjson

from liveops.deps import Deps
from liveops.errors import Unavailable
from liveops.postgres.history import WindowQuery
from liveops.postgres.rollup_reads import RolledRows, read_rolled
from liveops.slices import Slices
from liveops.window_query.downsampling import by_time
from liveops.window_query.stale import HOUR_S, Place
from schema.metrics import ROLLUP_S
from schema.times import parse_edge
from web import history_answer, window_history
from web.history_answer import HistoryAnswer, Kept, SeriesName
from web.query_params import invalid

#: Series merged at once in a thread.
_SERIES = 200


async def collect_rolled(deps: Deps, query: WindowQuery, fields: tuple[str, ...]) -> HistoryAnswer:
    """As `window_history.collect`, of windows of an hour or a day."""
    size_s = ROLLUP_S[query.window]
    whole = replace(query, from_s=_up(query.from_s, size_s), to_s=_up(query.to_s, size_s))
    answer = HistoryAnswer(fields=None if query.mergeable else ("start", "end", *fields))
    parts = HistoryAnswer()
    quarters = replace(whole, window="15m", mergeable=True)
    await window_history.take_newest(deps, quarters, parts)
    complete_from_s = whole.from_s
    try:
        rows = await read_rolled(deps.database, whole, _hours(parts), history_answer.MAX_POINTS + 1)
    except Unavailable:
        if parts.degraded:
            raise
        parts.degraded.append("postgres")
    else:
        complete_from_s = max(complete_from_s, _complete_from_s(rows, size_s, answer))
        await _take_all(rows, answer, parts)
    answer.degraded = parts.degraded
    # Without PostgreSQL parts of every window are missing: none is final.
    is_whole = "postgres" not in answer.degraded
    over_s = deps.clock.now_s() - deps.settings.lateness_s if is_whole else -math.inf
    await _merge(parts, answer, size_s, over_s)
    await window_history.keep_room(answer, complete_from_s, whole)
    return answer


def _up(time_s: float, size_s: int) -> float:
    return math.ceil(time_s / size_s) * float(size_s)


def _hours(parts: HistoryAnswer) -> set[Place]:
    """Hours of which Redis holds windows, by service."""
    return {
        (service, int(parse_edge(start)) // HOUR_S * HOUR_S)
        for (service, *_), points in parts.series.items()
        for start in points
    }


def _complete_from_s(rows: RolledRows, size_s: int, answer: HistoryAnswer) -> float:
    """From which start on nothing is missing, where rows were cut."""
    found_s = window_history.complete_from(rows.rollups, answer)
    for part in rows.parts:
        if len(part) <= history_answer.MAX_POINTS:
            continue
        answer.truncated = True
        # Of the last row's start there may be more: what holds it is not whole.
        found_s = max(found_s, _up(part[-1]["start"].timestamp() + 1, size_s))
        if part[0]["start"].timestamp() < found_s:
            raise invalid("service", "too many series to merge at once: ask for fewer metrics")
    return found_s


async def _take_all(rows: RolledRows, answer: HistoryAnswer, parts: HistoryAnswer) -> None:
    await window_history.take_rows(rows.rollups, answer)
    for part in rows.parts:
        await window_history.take_rows(part, parts)


async def _merge(parts: HistoryAnswer, answer: HistoryAnswer, size_s: int, over_s: float) -> None:
    """Merge what is to be merged, some series at a time, in a thread. Empties `parts`."""
    while parts.series:
        members: list[tuple[SeriesName, list[Kept]]] = []
        while parts.series and len(members) < _SERIES:
            name, points = parts.series.popitem()
            members.append((name, list(points.values())))
        slices = Slices()
        for made in await asyncio.to_thread(_merged, members, size_s, over_s):
            if slices.is_over:
                await slices.rest()
            name = answer.name_of(
                made["service_name"], made["metric_type"], orjson.dumps(made["tags"])
            )
            shown = made
            if answer.fields is not None:
                shown = {field: made[field] for field in answer.fields}
            kept = Kept(made["final"], made["revision"], made["count"], orjson.dumps(shown))
            answer.add(name, made["start"], kept)


def _merged(
    members: list[tuple[SeriesName, list[Kept]]], size_s: int, over_s: float
) -> list[dict[str, Any]]:
    windows = [orjson.loads(kept.text) for _, points in members for kept in points]
    return by_time(windows, size_s, over_s)
