"""`GET /api/metrics/aggregated`: closed windows from PostgreSQL, newest ones from Redis."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import web

from liveops.deps import Deps
from liveops.postgres.history import WindowQuery
from liveops.slices import Slices
from liveops.windows.grouping import group_by
from schema.metrics import POINT_FIELDS, WINDOW_S
from web.models.metrics import AggregatedAnswer
from web.routing import Access, Query, Route
from web.spans import invalid, metric_of, service_of, span_of
from web.window_history import Found, Point, SeriesName, collect

DEFAULT_SPAN_S = 3600.0
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
    found = await collect(deps, query)
    if tag is not None:
        found.series = await _grouped(found.series, tag, WINDOW_S[window])
    return web.Response(body=await _encoded(query, found), content_type="application/json")


async def _grouped(
    series: dict[SeriesName, dict[str, Point]], tag: str, window_s: int
) -> dict[SeriesName, dict[str, Point]]:
    """Series merged by a tag's value; in a thread, one start at a time."""
    by_start: dict[str, list[Point]] = {}
    for points in series.values():
        for start, point in points.items():
            by_start.setdefault(start, []).append(point)
    merged = Found()
    for members in by_start.values():
        for point in await asyncio.to_thread(group_by, members, tag, window_s):
            merged.add(point)
    return merged.series


async def _encoded(query: WindowQuery, found: Found) -> bytes:
    """The answer, series by series and point by point: whole it would take too long."""
    texts: list[bytes] = []
    slices = Slices()
    for (metric_type, tags), points in sorted(found.series.items()):
        encoded: list[bytes] = []
        for start in sorted(points):
            if slices.is_over:
                await slices.rest()
            point = points[start]
            encoded.append(orjson.dumps({name: point[name] for name in _POINT}))
        named = {"service_name": query.service, "metric_type": metric_type, "tags": dict(tags)}
        texts.append(orjson.dumps(named)[:-1] + b',"points":[' + b",".join(encoded) + b"]}")
    more: dict[str, Any] = {}
    if found.truncated:
        more["truncated"] = True
    if found.degraded:
        more["degraded"] = found.degraded
    head = orjson.dumps({"window": query.window} | more)
    return head[:-1] + b',"series":[' + b",".join(texts) + b"]}"
