"""`/api/detectors`: how the series of a service stand with the rules, and why nothing fires."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from liveops.deps import Deps
from liveops.redis import keys
from schema.detectors import Standing
from web.models.detectors import DetectorPage
from web.paging import PAGE, page_of
from web.query_params import services_of
from web.routing import Access, Query, Route, list_response

_read = msgspec.json.Decoder(list[Standing]).decode


def routes(deps: Deps) -> list[Route]:
    """The detectors route."""

    async def get(request: web.Request) -> web.StreamResponse:
        names = services_of(request)
        found: list[Standing] = []
        for name in names:
            async with deps.cache.guard() as client:
                shown = await client.get(keys.standings(name))
            found += _read(shown) if shown else []
        page, cursor = page_of(request, found, _place)
        return await list_response(page, msgspec.to_builtins, next_cursor=cursor)

    return [
        Route(
            "GET",
            "/api/detectors",
            get,
            Access.READ,
            "How each series of a service stands with each rule: learning, ok, firing or without "
            "data, with the bounds of its last window and the reason why it fires or does not. "
            "Some seconds old",
            response_model=DetectorPage,
            query=(
                Query("service", "Of this service; up to 100 may be given", repeated=True),
                *PAGE,
            ),
        )
    ]


def _place(standing: Standing) -> list[Any]:
    tags = ",".join(f"{name}={text}" for name, text in sorted(standing.tags.items()))
    return [standing.service_name, standing.metric_type, tags, standing.rule_id]
