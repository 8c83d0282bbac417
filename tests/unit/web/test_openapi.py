"""The OpenAPI document is complete in itself and says who may."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from liveops.redis.fanout import Fanout
from tests.unit.web.doubles import Sends, admission, deps_without_stores, edge
from web import auth, incidents, openapi, otlp, remote_write, rules, silences, topology, users
from web.routing import Access, Route


def our_routes() -> list[Route]:
    deps = deps_without_stores()
    return [
        incidents.live_route(deps, cast(Fanout, None)),
        *auth.routes(deps),
        *users.routes(deps),
        *incidents.routes(deps),
        *rules.routes(deps),
        *silences.routes(deps),
        *topology.routes(deps),
        *remote_write.routes(deps, admission(Sends())),
        *otlp.routes(deps, admission(Sends())),
    ]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def test_every_reference_leads_somewhere() -> None:
    document = openapi.describe("all", our_routes())
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def test_every_route_is_there_with_its_parameters_and_who_may() -> None:
    routes = our_routes()
    paths = openapi.describe("all", routes)["paths"]
    for route in routes:
        operation = paths[route.path][route.method.lower()]
        named = {item["name"] for item in operation["parameters"] if item["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", route.path))
        assert ("security" in operation) == (route.access is not Access.PUBLIC)


def test_bodies_of_other_protocols_have_their_media_types() -> None:
    paths = openapi.describe("all", our_routes())["paths"]
    write, export = paths["/api/v1/write"]["post"], paths["/v1/metrics"]["post"]
    protobuf, both = {"application/x-protobuf"}, {"application/x-protobuf", "application/json"}
    assert write["requestBody"]["content"].keys() == protobuf
    assert export["requestBody"]["content"].keys() == both
    assert export["responses"]["200"]["content"].keys() == both
    assert "204" in write["responses"]


async def test_the_page_needs_nothing_from_elsewhere() -> None:
    async with edge(*openapi.routes("all", our_routes())) as client:
        async with client.get("/docs") as response:
            text = await response.text()
            assert response.content_type == "text/html"
    assert "/api/incidents/{id}" in text
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", text)
