"""`GET /api/metrics/aggregated`: closed windows from PostgreSQL, newest ones from Redis."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
from aiohttp import web

from liveops.deps import Deps
from liveops.postgres.history import WindowQuery
from liveops.slices import Slices
from liveops.window_query.grouping import group_by
from liveops.window_query.resolution import AUTO, SIZES_S, USUAL_POINTS, window_for
from schema.metrics import POINT_FIELDS, ROLLUP_S
from web.history_answer import MAX_POINTS, HistoryAnswer, Kept
from web.models.metrics import AggregatedAnswer
from web.query_params import invalid, list_of, metrics_of, services_of, span_of
from web.rolled_history import collect_rolled
from web.routing import Access, Query, Route
from web.window_history import collect

#: The span without `from`, by window.
DEFAULT_SPAN_S = {"1h": 86_400.0, "1d": 30 * 86_400.0}
USUAL_SPAN_S = 3600.0
_BLOCK_BYTES = 262_144
#: Windows merged at once: enough for numpy, few for the thread that holds the interpreter.
_BATCH = 400


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
            "again with `to` = the earliest start that came, or for longer windows with "
            "`max_points` or `window`",
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
                Query(
                    "window",
                    "1m, 5m, 15m, 1h, 1d, or auto: the shortest that gives at most 500 points a "
                    "series, or `max_points`; 1m unless given, auto with `max_points`",
                ),
                Query(
                    "max_points",
                    "Points a series, 1 to 50,000: windows are longer than `window` where it "
                    "takes that, and beyond days only the newest come",
                ),
                Query("from", "First window start, RFC 3339 (inclusive)"),
                Query("to", "Last window start, RFC 3339 (exclusive)"),
                Query("group_by", "Merge series by the value of this tag"),
            ),
        )
    ]


async def _get(deps: Deps, request: web.Request) -> web.StreamResponse:
    tag = request.query.get("group_by")
    if tag is not None and not 1 <= len(tag) <= 256:
        raise invalid("group_by", "1 to 256 characters")
    window, from_s, to_s, is_cut = _place_of(deps, request)
    query = WindowQuery(
        services_of(request),
        metrics_of(request),
        window,
        from_s,
        to_s,
        mergeable=tag is not None,
    )
    fields = _fields_of(request)
    collected = collect_rolled if window in ROLLUP_S else collect
    answer = await collected(deps, query, fields)
    answer.truncated |= is_cut
    if tag is not None:
        answer = await _grouped(answer, tag, SIZES_S[window], fields)
    return web.Response(body=_encoded(window, answer), content_type="application/json")


def _place_of(deps: Deps, request: web.Request) -> tuple[str, float, float, bool]:
    """Window, span, and whether the span begins later than was asked for."""
    max_points = _max_points_of(request)
    asked = request.query.get("window", "1m" if max_points is None else AUTO)
    if asked not in (*SIZES_S, AUTO):
        raise invalid("window", f"one of {', '.join(SIZES_S)}, {AUTO}")
    now_s = deps.clock.now_s()
    from_s, to_s = span_of(request, now_s, DEFAULT_SPAN_S.get(asked, USUAL_SPAN_S))
    if asked != AUTO and max_points is None:
        return asked, from_s, to_s, False
    span_s = max(0.0, min(to_s, now_s) - from_s)
    kept_s = deps.settings.window_retention_days * 86_400.0
    points = max_points or USUAL_POINTS
    window = window_for(asked, span_s, now_s - from_s, kept_s, points)
    is_cut = span_s > points * SIZES_S[window]
    if is_cut:
        from_s = min(to_s, now_s) - points * SIZES_S[window]
    return window, from_s, to_s, is_cut


def _max_points_of(request: web.Request) -> int | None:
    text = request.query.get("max_points")
    if text is None:
        return None
    if not (re.fullmatch(r"[0-9]{1,5}", text) and 1 <= int(text) <= MAX_POINTS):
        raise invalid("max_points", f"a number from 1 to {MAX_POINTS}")
    return int(text)


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
    """Series merged by a tag's value; in a thread, some starts at a time. Empties `answer`."""
    together: dict[tuple[str, str], list[Kept]] = {}
    slices = Slices()
    while answer.series:
        if slices.is_over:
            await slices.rest()
        (service, *_), points = answer.series.popitem()
        for start, window in points.items():
            together.setdefault((service, start), []).append(window)
    merged = HistoryAnswer(degraded=answer.degraded, truncated=answer.truncated)
    for service, members in _batches(together):
        for point in await asyncio.to_thread(_merged, members, tag, window_s):
            name = (service, point["metric_type"], tuple(sorted(point["tags"].items())))
            text = orjson.dumps({field: point[field] for field in ("start", "end", *fields)})
            kept = Kept(point["final"], point["revision"], point["count"], text)
            merged.add(name, point["start"], kept)
    return merged


def _batches(together: dict[tuple[str, str], list[Kept]]) -> Iterator[tuple[str, list[Kept]]]:
    """Windows of whole starts of a service, some hundred at a time. Empties `together`."""
    batch: list[Kept] = []
    service = ""
    for key in sorted(together):
        if batch and (key[0] != service or len(batch) >= _BATCH):
            yield service, batch
            batch = []
        service = key[0]
        batch += together.pop(key)
    if batch:
        yield service, batch


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
