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
from web.query_params import invalid, list_of, metrics_of, services_of, span_of
from web.routing import Access, Query, Route
from web.window_history import HistoryAnswer, Kept, collect

DEFAULT_SPAN_S = 3600.0
_BLOCK_BYTES = 262_144


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
            "Windows of services, the newest included while still open. An answer holds at most "
            "50,000 windows; older ones are then left out whole and `truncated` is true: ask "
            "again with `to` = the earliest start that came",
            response_model=AggregatedAnswer,
            query=(
                Query(
                    "service", "Service name; up to 100 may be given", required=True, repeated=True
                ),
                Query("metric", "Metric type, up to 100; all unless given", repeated=True),
                Query(
                    "fields",
                    "Figures to give, comma separated or repeated; all unless given",
                    repeated=True,
                ),
                Query("window", "1m, 5m or 15m"),
                Query("from", "First window start, RFC 3339 (inclusive)"),
                Query("to", "Last window start, RFC 3339 (exclusive)"),
                Query("group_by", "Merge series by the value of this tag"),
            ),
        )
    ]


async def _get(deps: Deps, request: web.Request) -> web.StreamResponse:
    window = request.query.get("window", "1m")
    if window not in WINDOW_S:
        raise invalid("window", "one of 1m, 5m, 15m")
    tag = request.query.get("group_by")
    if tag is not None and not 1 <= len(tag) <= 256:
        raise invalid("group_by", "1 to 256 characters")
    from_s, to_s = span_of(request, deps.clock.now_s(), DEFAULT_SPAN_S)
    query = WindowQuery(
        services_of(request),
        metrics_of(request),
        window,
        from_s,
        to_s,
        mergeable=tag is not None,
    )
    fields = _fields_of(request)
    answer = await collect(deps, query, fields)
    if tag is not None:
        answer = await _grouped(answer, tag, WINDOW_S[window], fields)
    return web.Response(body=_encoded(window, answer), content_type="application/json")


def _fields_of(request: web.Request) -> tuple[str, ...]:
    """The figures asked for, in the order of POINT_FIELDS; `final` is always among them."""
    chosen = list_of(request, "fields")
    unknown = sorted(set(chosen) - set(POINT_FIELDS))
    if unknown:
        raise invalid("fields", f"some of {', '.join(POINT_FIELDS)}")
    return tuple(name for name in POINT_FIELDS if not chosen or name in {*chosen, "final"})


async def _grouped(
    answer: HistoryAnswer, tag: str, window_s: int, fields: tuple[str, ...]
) -> HistoryAnswer:
    """Series merged by a tag's value; in a thread, one start at a time. Empties `answer`."""
    together: dict[tuple[str, str], list[Kept]] = {}
    slices = Slices()
    while answer.series:
        if slices.is_over:
            await slices.rest()
        (service, *_), points = answer.series.popitem()
        for start, window in points.items():
            together.setdefault((service, start), []).append(window)
    merged = HistoryAnswer(degraded=answer.degraded, truncated=answer.truncated)
    while together:
        (service, start), members = together.popitem()
        for point in await asyncio.to_thread(_merged, members, tag, window_s):
            name = (service, point["metric_type"], tuple(sorted(point["tags"].items())))
            text = orjson.dumps({field: point[field] for field in ("start", "end", *fields)})
            kept = Kept(point["final"], point["revision"], point["count"], text)
            merged.add(name, start, kept)
    return merged


def _merged(members: list[Kept], tag: str, window_s: int) -> list[dict[str, Any]]:
    return group_by([orjson.loads(window.text) for window in members], tag, window_s)


async def _encoded(window: str, answer: HistoryAnswer) -> AsyncIterator[bytes]:
    """The answer in blocks, series by series; empties `answer`."""
    more: dict[str, Any] = {"window": window}
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
        service, metric_type, tags = name
        named = {"service_name": service, "metric_type": metric_type, "tags": dict(tags)}
        windows = b",".join([points[start].text for start in sorted(points)])
        block += [between, orjson.dumps(named)[:-1], b',"points":[', windows, b"]}"]
        size, between = size + len(windows), b","
        if size >= _BLOCK_BYTES:
            yield b"".join(block)
            block, size = [], 0
    yield b"".join(block) + b"]}"
