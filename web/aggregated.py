"""`GET /api/metrics/aggregated`: closed windows from PostgreSQL, newest ones from Redis."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from liveops.deps import Deps
from liveops.errors import Unavailable
from liveops.postgres.history import read_windows
from liveops.redis import keys
from liveops.windows.grouping import Point, group_by, newest
from schema.metrics import POINT_FIELDS, WINDOW_S
from schema.times import parse_time_s
from web.models.metrics import AggregatedAnswer
from web.routing import Access, Query, Route, json_response
from web.spans import invalid, metric_of, service_of, span_of

DEFAULT_SPAN_S = 3600.0


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
            "Windows of a service, the newest included while still open",
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
    points, degraded = await collect(deps, service, metric, window, from_s, to_s)
    if tag is not None:
        points = group_by(points, tag, WINDOW_S[window])
    answer: dict[str, Any] = {"window": window, "series": _series(service, points)}
    if degraded:
        answer["degraded"] = degraded
    return json_response(answer)


async def collect(
    deps: Deps, service: str, metric: str | None, window: str, from_s: float, to_s: float
) -> tuple[list[Point], list[str]]:
    """Points of [from, to) and which part could not be asked.

    Without Redis the answer lacks open windows; without PostgreSQL it lacks history;
    raises Unavailable when neither answers.
    """
    degraded: list[str] = []
    points: list[Point] = []
    try:
        points += await _from_redis(deps, service, window)
    except Unavailable:
        degraded.append("redis")
    try:
        points += await read_windows(deps.database, service, metric, window, from_s, to_s)
    except Unavailable:
        if degraded:
            raise
        degraded.append("postgres")
    chosen = [
        point
        for point in points
        if (metric is None or point["metric_type"] == metric)
        and from_s <= parse_time_s(point["start"]) < to_s
    ]
    return newest(chosen), degraded


async def _from_redis(deps: Deps, service: str, window: str) -> list[Point]:
    async with deps.cache.guard() as client:
        pipe = client.pipeline(transaction=False)
        pipe.hvals(keys.aggregates(service, window))
        pipe.zrange(keys.closed(service, window), 0, -1)
        current, closed = await pipe.execute()
    points: list[Point] = [orjson.loads(text) for text in current]
    for text in closed:
        points += orjson.loads(text)
    return points


def _series(service: str, points: list[Point]) -> list[dict[str, Any]]:
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for point in points:
        key = (point["metric_type"], tuple(sorted(point["tags"].items())))
        series = found.setdefault(
            key,
            {
                "service_name": service,
                "metric_type": point["metric_type"],
                "tags": point["tags"],
                "points": [],
            },
        )
        public = {name: point[name] for name in ("start", "end", *POINT_FIELDS)}
        series["points"].append(public)
    return list(found.values())
