"""Requests by route template and status, and their series before the first one."""

from __future__ import annotations

from aiohttp import web

from liveops.errors import NotFound
from liveops.metrics.http import REGISTRY, REQUEST_SECONDS
from tests.unit.web.doubles import edge
from web.middleware import expect
from web.routing import Access, Route, json_response

COUNT = "http_request_duration_seconds_count"


def count(method: str, route: str, status: int) -> float | None:
    labels = {"method": method, "route": route, "status": str(status)}
    return REGISTRY.get_sample_value(COUNT, labels)


async def thing(request: web.Request) -> web.StreamResponse:
    if request.match_info["id"] == "none":
        raise NotFound("no such thing")
    return json_response({}, 201)


THINGS = Route("GET", "/counted/{id}", thing, Access.PUBLIC, "A thing", status=201)


async def test_a_route_is_counted_by_its_template_not_by_the_path() -> None:
    async with edge(THINGS) as client:
        for name in ("a", "b", "none"):
            await client.get(f"/counted/{name}")
    assert count("GET", "/counted/{id}", 201) == 2
    assert count("GET", "/counted/{id}", 404) == 1
    assert count("GET", "/counted/a", 201) is None


async def test_no_client_can_make_labels() -> None:
    before = count("OTHER", "unknown", 404) or 0
    async with edge(THINGS) as client:
        await client.request("PROPFIND", "/no/such/path")
    assert count("OTHER", "unknown", 404) == before + 1


def test_series_of_a_route_are_there_before_its_first_request() -> None:
    expect([Route("POST", "/expected", thing, Access.PUBLIC, "x", status=202)])
    assert count("POST", "/expected", 202) == 0
    assert count("POST", "/expected", 500) == 0
    REQUEST_SECONDS.remove("POST", "/expected", "202")
    REQUEST_SECONDS.remove("POST", "/expected", "500")


async def test_an_open_websocket_is_no_slow_request() -> None:
    async def follow(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.close()
        return socket

    route = Route("GET", "/followed", follow, Access.PUBLIC, "x", websocket=True)
    async with edge(route) as client, client.ws_connect("/followed") as socket:
        await socket.receive()
    assert count("GET", "/followed", 101) is None
