"""`/api/topology`: who calls whom."""

from __future__ import annotations

from aiohttp import web

from liveops.deps import Deps
from liveops.postgres.topology import declare_topology, expires_s, read_topology
from schema.rules import Edge
from schema.times import format_time
from web.bodies import read_items
from web.models.config import MAX_EDGES, EdgeBody, TopologyAnswer, TopologyBody
from web.routing import Access, Route, list_response


def routes(deps: Deps) -> list[Route]:
    """Read and declare the call graph."""

    async def read(request: web.Request) -> web.StreamResponse:
        return await _answer(deps)

    async def declare(request: web.Request) -> web.StreamResponse:
        body = await read_items(request, TopologyBody, "edges", EdgeBody, MAX_EDGES)
        edges = [(edge.caller, edge.callee) for edge in body]
        await declare_topology(deps.database, edges, deps.clock.now_s())
        return await _answer(deps)

    return [
        Route(
            "GET",
            "/api/topology",
            read,
            Access.READ,
            "The call graph, declared and learned",
            response_model=TopologyAnswer,
        ),
        Route(
            "PUT",
            "/api/topology",
            declare,
            Access.WRITE,
            "Replace the declared call graph; what was learned stays",
            request_model=TopologyBody,
            response_model=TopologyAnswer,
        ),
    ]


async def _answer(deps: Deps) -> web.StreamResponse:
    return await list_response(await read_topology(deps.database), _public, name="edges")


def _public(edge: Edge) -> dict[str, object]:
    return {
        "from": edge.caller,
        "to": edge.callee,
        "source": edge.source,
        "first_seen": _time(edge.first_seen_s),
        "last_seen": _time(edge.last_seen_s),
        "expires_at": _time(expires_s(edge)),
    }


def _time(time_s: float | None) -> str | None:
    return None if time_s is None else format_time(time_s)
