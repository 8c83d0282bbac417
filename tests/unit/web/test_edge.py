"""The order of checks, bodies, problem documents and CORS, over a real socket."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from aiohttp import web
from pydantic import BaseModel, ConfigDict

from liveops.errors import IllegalChange, NotFound, Refused, StaleVersion, Unavailable
from tests.unit.web.doubles import Client, bearer, deps_without_stores, edge, ingest_bearer
from web.bodies import MAX_BYTES, read_items, read_model
from web.models.config import MAX_EDGES, EdgeBody, TopologyBody
from web.routing import Access, Route, json_response

JSON = {"Content-Type": "application/json"}
GZIP = JSON | {"Content-Encoding": "gzip"}
ZIPPED = gzip.compress(b'{"text":"x"}')


class Note(BaseModel):
    """A body to read."""

    model_config = ConfigDict(extra="forbid")

    text: str
    size: float = 0


async def post_note(request: web.Request) -> web.StreamResponse:
    note = await read_model(request, Note)
    return json_response(note.model_dump(), 201)


NOTES = Route("POST", "/notes", post_note, Access.WRITE, "Write a note", request_model=Note)


async def send(client: Client, data: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    async with client.post("/notes", data=data, headers=bearer() | headers) as response:
        return response.status, await response.json(content_type=None)


async def test_a_good_body_is_read_plain_and_compressed() -> None:
    async with edge(NOTES) as client:
        assert await send(client, b'{"text":"x"}', JSON) == (201, {"text": "x", "size": 0.0})
        assert (await send(client, ZIPPED, GZIP))[0] == 201


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b" " * (MAX_BYTES + 1), {"Content-Type": "text/plain"}, 413),
        (gzip.compress(b" " * (MAX_BYTES + 1)), GZIP, 413),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Type": "application/json; charset=latin-1"}, 415),
        (b"{}", JSON | {"Content-Encoding": "br"}, 415),
        (b"not gzip", {"Content-Type": "text/plain", "Content-Encoding": "gzip"}, 415),
        (b"not gzip", GZIP, 400),
        (ZIPPED[:-6], GZIP, 400),
        (ZIPPED + b"tail", GZIP, 400),
        (b"", JSON, 400),
        (b'{"text":"\xff"}', JSON, 400),
        (b'{"text":', JSON, 400),
        (b'{"text":"x","size":NaN}', JSON, 400),
        (b'{"text":"\\ud800"}', JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b"[]", JSON, 422),
        (b"{}", JSON, 422),
        (b'{"text":1}', JSON, 422),
        (b'{"text":"x","size":"1"}', JSON, 422),
        (b'{"text":"x","size":true}', JSON, 422),
        (b'{"text":"x","more":1}', JSON, 422),
    ],
)
async def test_a_bad_body_is_refused_in_the_order_of_the_contract(
    data: bytes, headers: dict[str, str], status: int
) -> None:
    async with edge(NOTES) as client:
        got, problem = await send(client, data, headers)
    assert (got, problem["status"]) == (status, status), problem


async def test_a_body_of_too_many_values_is_413_and_of_many_faults_some_are_named() -> None:
    async with edge(NOTES) as client:
        many = b'{"text":[' + b"1," * 60_000 + b"1]}"
        assert (await send(client, many, JSON))[0] == 413
        strangers = ",".join(f'"n{number}":1' for number in range(1_000))
        status, problem = await send(client, f"{{{strangers}}}".encode(), JSON)
        assert (status, len(problem["errors"])) == (422, 20)


async def test_a_chunked_body_over_the_limit_is_413() -> None:
    async def chunks() -> Any:
        for _ in range(MAX_BYTES // 65_536 + 1):
            yield b" " * 65_536

    async with edge(NOTES) as client:
        async with client.post("/notes", data=chunks(), headers=bearer() | JSON) as response:
            assert response.status == 413


async def test_a_problem_names_each_fault_and_the_request() -> None:
    async with edge(NOTES) as client:
        headers = bearer() | JSON | {"X-Request-ID": "r-1"}
        async with client.post("/notes", data=b'{"size":"1"}', headers=headers) as response:
            problem = await response.json(content_type=None)
            assert response.content_type == "application/problem+json"
            assert response.headers["X-Request-ID"] == "r-1"
    assert problem["request_id"] == "r-1"
    assert [fault["loc"] for fault in problem["errors"]] == [["text"], ["size"]]
    assert problem.keys() == {"type", "title", "status", "detail", "errors", "request_id"}


async def test_route_and_method_are_checked_before_the_token_and_it_before_the_body() -> None:
    async with edge(NOTES) as client:
        huge = {"Content-Length": str(MAX_BYTES + 1)}
        for method, path, headers, status in (
            ("GET", "/nothing", {}, 404),
            ("DELETE", "/notes", {}, 405),
            ("POST", "/notes", {}, 401),
            ("POST", "/notes", bearer("MANAGER"), 403),
            ("POST", "/notes", ingest_bearer(), 403),
            ("POST", "/notes", bearer() | huge, 413),
        ):
            async with client.request(method, path, headers=headers) as response:
                assert response.status == status, (method, path)
                assert response.headers["X-Request-ID"]
                assert ("WWW-Authenticate" in response.headers) == (status == 401)
                assert ("Allow" in response.headers) == (status == 405)


async def test_a_revoked_and_an_expired_token_are_401() -> None:
    deps = deps_without_stores()
    async with edge(NOTES, deps=deps) as client:
        deps.config.revoked["t1"] = 0.0
        for headers in (ingest_bearer(), bearer(ttl_s=-1)):
            async with client.post("/notes", headers=headers) as response:
                assert response.status == 401


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("gone"), 404),
        (IllegalChange("no"), 409),
        (StaleVersion("old"), 412),
        (Refused("a record of 2000000 bytes"), 413),
        (Unavailable("postgres"), 503),
        (RuntimeError("secret detail"), 500),
    ],
)
async def test_errors_have_their_status(error: Exception, status: int) -> None:
    async def fail(request: web.Request) -> web.StreamResponse:
        raise error

    async with edge(Route("GET", "/fail", fail, Access.PUBLIC, "Fails")) as client:
        async with client.get("/fail") as response:
            text = await response.text()
            assert response.status == status
            assert ("Retry-After" in response.headers) == (status == 503)
            assert "secret detail" not in text


async def test_cors_lets_in_the_dashboard_and_what_is_configured_only() -> None:
    ask = {"Access-Control-Request-Method": "PATCH"}
    async with edge(NOTES) as client:
        for origin, allowed in (
            ("http://a.test", True),
            ("http://127.0.0.1:8080", True),
            ("http://localhost:8080", True),
            ("http://evil.test", False),
        ):
            async with client.options("/notes", headers=ask | {"Origin": origin}) as response:
                assert (response.status == 204) == allowed
                got = response.headers.get("Access-Control-Allow-Origin")
                assert got == (origin if allowed else None)


async def put_edges(request: web.Request) -> web.StreamResponse:
    edges = await read_items(request, TopologyBody, "edges", EdgeBody, MAX_EDGES)
    return json_response([edge.caller for edge in edges])


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        (b'{"edges":[{"from":"a","to":"b"},{"from":"a b","to":"b"},1]}', ["edges", 1, "from"]),
        (b'{"edges":[{"from":"a","to":"b"},1]}', ["edges", 1]),
        (b'{"edges":[{"from":"a","to":"b"}],"more":1}', ["more"]),
        (b'{"edges":' + b"[" + b"1," * 10_000 + b"1]}", ["edges", 0]),
        (b'{"edges":1}', ["edges"]),
        (b"{}", ["edges"]),
        (b"[]", []),
    ],
)
async def test_a_long_list_is_read_as_its_model_says(body: bytes, loc: list[str | int]) -> None:
    route = Route("PUT", "/edges", put_edges, Access.PUBLIC, "Edges")
    async with edge(route) as client:
        good = b'{"edges":[{"from":"a","to":"b"},{"from":"c","to":"d"}]}'
        async with client.put("/edges", data=good, headers=JSON) as response:
            assert await response.json() == ["a", "c"]
        async with client.put("/edges", data=body, headers=JSON) as response:
            problem = await response.json(content_type=None)
    assert (problem["status"], problem["errors"][0]["loc"]) == (422, loc)
