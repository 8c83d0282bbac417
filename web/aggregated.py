"""`GET /api/metrics/aggregated`: closed windows from PostgreSQL, newest ones from Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
from aiohttp import web

from liveops.deps import Deps
from liveops.postgres.history import WindowQuery
from liveops.slices import Slices
from liveops.window_query.grouping import group_by
from schema.metrics import POINT_FIELDS, WINDOW_S
from web.models.metrics import AggregatedAnswer
from web.query_params import invalid, metric_of, service_of, span_of
from web.routing import Access, Query, Route
from web.window_history import HistoryAnswer, Kept, SeriesName, collect

DEFAULT_SPAN_S = 3600.0
_BLOCK_BYTES = 262_144
_POINT = ("start", "end", *POINT_FIELDS)


def routes(deps: Deps) -> list[Route]:
    """The aggregated route."""

    async def get(request: web.Request) -> web.StreamResponse:
        return await _get(deps, request)

    return [
        Route(
            "GET",
            "/api/metrics/aggregated",
            get,
            Access.READ,
            "Windows of a service, the newest included while still open. An answer holds at most "
            "50,000 windows; older ones are then left out whole and `truncated` is true: ask "
            "again with `to` = the earliest start that came",
            response_model=AggregatedAnswer,
            query=(
                Query("service", "Service name", required=True),
                Query("metric", "Metric type"),
                Query("window", "1m, 5m or 15m"),
                Query("from", "First window start, RFC 3339 (inclusive)"),
                Query("to", "Last window start, RFC 3339 (exclusive)"),
                Query("group_by", "Merge series by the value of this tag"),
            ),
        )
    ]


async def _get(deps: Deps, request: web.Request) -> web.StreamResponse:
    service = service_of(request, needed=True) or ""
    metric = metric_of(request)
    window = request.query.get("window", "1m")
    if window not in WINDOW_S:
        raise invalid("window", "one of 1m, 5m, 15m")
    tag = request.query.get("group_by")
    if tag is not None and not 1 <= len(tag) <= 256:
        raise invalid("group_by", "1 to 256 characters")
    from_s, to_s = span_of(request, deps.clock.now_s(), DEFAULT_SPAN_S)
    query = WindowQuery(service, metric, window, from_s, to_s, mergeable=tag is not None)
    answer = await collect(deps, query)
    if tag is not None:
        answer = await _grouped(answer, tag, WINDOW_S[window])
    return web.Response(body=_encoded(query, answer), content_type="application/json")


async def _grouped(answer: HistoryAnswer, tag: str, window_s: int) -> HistoryAnswer:
    """Series merged by a tag's value; in a thread, one start at a time. Empties `answer`."""
    by_start: dict[str, list[Kept]] = {}
    slices = Slices()
    while answer.series:
        if slices.is_over:
            await slices.rest()
        _, points = answer.series.popitem()
        for start, window in points.items():
            by_start.setdefault(start, []).append(window)
    merged = HistoryAnswer(degraded=answer.degraded, truncated=answer.truncated)
    while by_start:
        start, members = by_start.popitem()
        for name, window in await asyncio.to_thread(_merged, members, tag, window_s):
            merged.add(name, start, window)
    return merged


def _merged(members: list[Kept], tag: str, window_s: int) -> list[tuple[SeriesName, Kept]]:
    points = group_by([orjson.loads(window.text) for window in members], tag, window_s)
    merged: list[tuple[SeriesName, Kept]] = []
    for point in points:
        name = (point["metric_type"], tuple(sorted(point["tags"].items())))
        text = orjson.dumps({field: point[field] for field in _POINT})
        merged.append((name, Kept(point["final"], point["revision"], point["count"], text)))
    return merged


async def _encoded(query: WindowQuery, answer: HistoryAnswer) -> AsyncIterator[bytes]:
    """The answer in blocks, series by series; empties `answer`."""
    more: dict[str, Any] = {"window": query.window}
    if answer.truncated:
        more["truncated"] = True
    if answer.degraded:
        more["degraded"] = answer.degraded
    block = [orjson.dumps(more)[:-1], b',"series":[']
    size, between = 0, b""
    slices = Slices()
    for name in sorted(answer.series):
        if slices.is_over:
            await slices.rest()
        points = answer.series.pop(name)
        metric_type, tags = name
        named = {"service_name": query.service, "metric_type": metric_type, "tags": dict(tags)}
        windows = b",".join([points[start].text for start in sorted(points)])
        block += [between, orjson.dumps(named)[:-1], b',"points":[', windows, b"]}"]
        size, between = size + len(windows), b","
        if size >= _BLOCK_BYTES:
            yield b"".join(block)
            block, size = [], 0
    yield b"".join(block) + b"]}"
