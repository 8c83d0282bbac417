"""The access matrix of contract §3, cell by cell, for every route the workers have."""

from __future__ import annotations

import asyncio
import json
import re
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import pytest

from tests.client import Client, eventually
from tests.stack import TestStack
from web.paging import encode_cursor

pytestmark = pytest.mark.integration

PUBLIC, INGEST, READ, WRITE = "public", "ingest", "read", "write"
#: What the contract says, by method and path; a route not named here fails the test.
TABLE: list[tuple[str, str, str]] = [
    ("GET", r"/(?!api/).*", PUBLIC),  # actuator, documentation, the dashboard's files
    ("POST", r"/api/auth/(login|refresh)", PUBLIC),
    ("*", r"/api/auth/(me|logout)", READ),
    ("*", r"/api/auth/(users|ingest-tokens)(/\{\w+\})?", WRITE),
    ("POST", r"/api/metrics|/api/v1/write|/v1/metrics", INGEST),
    ("GET", r"/api/(metrics/(live|aggregated|raw)|services(/\{name\})?|topology)", READ),
    ("POST", r"/api/alerts/alertmanager", INGEST),
    ("*", r"/api/receivers(/\{id\}(/test)?)?", WRITE),
    ("PUT", r"/api/topology", WRITE),
    ("*", r"/api/services/\{name\}", WRITE),
    ("GET", r"/api/incidents(/live|/summary|/stats|/\{id\}(/timeline|/similar)?)?", READ),
    ("GET", r"/api/analysis/(budget|stats|\{incidentId\}/postmortem)", READ),
    ("POST", r"/api/events", INGEST),
    ("GET", r"/api/events", READ),
    ("GET", r"/api/analysis/(live|\{incidentId\})|/api/rules(/\{id\})?|/api/silences", READ),
    (
        "POST",
        r"/api/incidents(/bulk|/\{id\}/(comments|silence|split|undo))?"
        r"|/api/analysis/(generate|\{incidentId\}/(ask|feedback))|/api/silences/preview",
        WRITE,
    ),
    ("GET", r"/api/detectors", READ),
    ("POST", r"/api/rules/backtest", WRITE),
    ("PATCH", r"/api/incidents/\{id\}", WRITE),
    ("*", r"/api/(rules|silences)(/\{id\})?", WRITE),
]
#: Who passes which door: (ENGINEER, MANAGER, ingest token).
PASSES = {INGEST: (True, False, True), READ: (True, True, False), WRITE: (True, False, False)}
WORKERS = ("auth", "metrics", "incidents", "analysis")


def expected(method: str, path: str) -> str:
    for methods, pattern, access in TABLE:
        if methods in ("*", method) and re.fullmatch(pattern, path):
            return access
    raise AssertionError(f"{method} {path} is not in the matrix")


async def status(session: aiohttp.ClientSession, method: str, url: str, token: str | None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with session.request(method, url, headers=headers) as response:
        if response.status == 401:
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
        return response.status


@pytest.fixture
async def tokens(engineer: Client, manager: Client) -> tuple[str, str, str]:
    answer = await engineer.call(
        "POST", "/api/auth/ingest-tokens", json={"name": "matrix", "services": ["*"]}
    )
    assert answer.status == 201
    return engineer.token, manager.token, answer.body["token"]


@pytest.mark.parametrize("worker", WORKERS)
async def test_every_cell_of_the_matrix(
    stack: TestStack, tokens: tuple[str, str, str], worker: str
) -> None:
    base = stack.url(worker)
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/openapi.json") as response:
            paths = (await response.json())["paths"]
        assert paths
        for path, operations in paths.items():
            concrete = base + re.sub(r"\{\w+\}", str(uuid4()), path)
            for method in map(str.upper, operations):
                access = expected(method, path)
                if path == "/api/auth/logout":
                    continue  # would revoke the tokens of this test; has a test of its own
                anonymous = await status(session, method, concrete, None)
                if access == PUBLIC:
                    assert anonymous not in (401, 403) or "login" in path or "refresh" in path
                    continue
                assert anonymous == 401, (method, path)
                for token, passes in zip(tokens, PASSES[access], strict=True):
                    got = await status(session, method, concrete, token)
                    assert (got != 403) == passes, (method, path, got)
                    assert got not in (401, 500), (method, path, got)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é"])
async def test_a_broken_token_is_401(stack: TestStack, token: str) -> None:
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {token}"}
        async with session.get(stack.url("auth") + "/api/auth/me", headers=headers) as response:
            assert response.status == 401


async def test_no_such_route_is_told_before_a_missing_token(stack: TestStack) -> None:
    async with aiohttp.ClientSession() as session:
        assert await status(session, "GET", stack.url("metrics") + "/api/nothing", None) == 404
        assert await status(session, "DELETE", stack.url("metrics") + "/api/metrics", None) == 405


async def test_a_socket_is_refused_before_the_upgrade(engineer: Client, stack: TestStack) -> None:
    url = stack.url("metrics") + "/api/metrics/live"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await engineer.session.ws_connect(url)
    assert refused.value.status == 401


@pytest.mark.parametrize("name", WORKERS)
async def test_every_worker_answers_broken_http_with_a_problem(stack: TestStack, name: str) -> None:
    url = urlsplit(stack.url(name))
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(b"NONSENSE\r\n\r\n")
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    assert json.loads(body)["request_id"].encode() in head


async def test_services_are_paged_and_their_cursors_are_checked(engineer: Client) -> None:
    names = [f"paged-{uuid4().hex[:8]}" for _ in range(3)]
    await engineer.send(*({"service_name": n, "metric_type": "m", "value": 1} for n in names))

    async def listed() -> list[str] | None:
        seen: list[str] = []
        cursor = ""
        while True:
            page = await engineer.get(f"/api/services?limit=2{cursor}")
            assert len(page["items"]) <= 2
            seen += [item["service_name"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert seen == sorted(set(seen))
        return seen if set(names) <= set(seen) else None

    await eventually(listed, "the services in the list")
    for place in ("nan", "1e300", "-1", "inf"):
        cursor = encode_cursor([place, str(uuid4())])
        for path in ("/api/metrics/raw", "/api/incidents"):
            assert (await engineer.call("GET", f"{path}?cursor={cursor}")).status == 422
    assert (await engineer.call("GET", "/api/services?cursor=x")).status == 422
    assert (await engineer.call("GET", "/api/services?limit=0")).status == 422
