"""`GET /api/metrics/raw`: archived metrics as they came, newest first."""

from __future__ import annotations

from aiohttp import web

from liveops.deps import Deps
from liveops.postgres.history import RawQuery, read_raw
from schema.metrics import Metric
from web.models.metrics import RawPage
from web.paging import PAGE, decode_place, encode_place, limit_of
from web.query_params import metric_of, needed_service_of, span_of
from web.routing import Access, Query, Route, list_response

DEFAULT_SPAN_S = 7 * 86_400.0


def routes(deps: Deps) -> list[Route]:
    """The raw route."""

    async def get(request: web.Request) -> web.StreamResponse:
        limit = limit_of(request)
        from_s, to_s = span_of(request, deps.clock.now_s(), DEFAULT_SPAN_S)
        query = RawQuery(
            needed_service_of(request),
            metric_of(request),
            from_s,
            to_s,
            decode_place(request),
            limit + 1,
        )
        found = await read_raw(deps.database, query)
        page, more = found[:limit], len(found) > limit
        cursor = encode_place(page[-1].timestamp_s, page[-1].id) if more else None
        return await list_response(page, Metric.public, next_cursor=cursor)

    return [
        Route(
            "GET",
            "/api/metrics/raw",
            get,
            Access.READ,
            "Raw metrics, newest first",
            response_model=RawPage,
            query=(
                Query("service", "Service name", required=True),
                Query("metric", "Metric type"),
                Query("from", "Earliest time, RFC 3339 (inclusive)"),
                Query("to", "Latest time, RFC 3339 (exclusive)"),
                *PAGE,
            ),
        )
    ]
