"""Incidents, rules, silences and topology over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest
from redis.asyncio import Redis

from tests.client import Answer, Client, eventually
from web.models.auth import IngestTokenPage, MeAnswer, UserPage
from web.models.config import RulePage, SilencePage, TopologyAnswer
from web.models.incidents import EventPage, IncidentAnswer, IncidentPage

pytestmark = pytest.mark.integration


async def opened(engineer: Client, **more: Any) -> Answer:
    body = {"title": "It is slow", "severity": "high", "service_name": f"s-{uuid4().hex[:8]}"}
    answer = await engineer.call("POST", "/api/incidents", json=body | more)
    assert answer.status == 201, answer
    return answer


async def test_a_manual_incident_lives_its_life(engineer: Client) -> None:
    made = await opened(engineer)
    path = f"/api/incidents/{made.body['id']}"
    assert made.headers["Location"] == path
    assert (made.body["source"], made.body["status"]) == ("manual", "open")
    for status, code in (("acknowledged", 200), ("acknowledged", 200), ("open", 409)):
        answer = await engineer.call("PATCH", path, json={"status": status})
        assert answer.status == code
    resolved = await engineer.call("PATCH", path, json={"status": "resolved"})
    assert resolved.body["resolved_at"]
    reopened = await engineer.call("PATCH", path, json={"status": "open"})
    assert (reopened.body["resolved_at"], reopened.body["version"]) == (None, 4)
    comment = await engineer.call("POST", f"{path}/comments", json={"text": "on it"})
    assert comment.status == 201
    events = (await engineer.get(f"{path}/timeline"))["items"]
    kinds = [event["kind"] for event in events if event["kind"] != "analysis"]
    assert kinds == ["created", "updated", "updated", "updated", "comment"]


async def test_if_match_guards_against_lost_updates(engineer: Client) -> None:
    made = await opened(engineer)
    path = f"/api/incidents/{made.body['id']}"
    etag = made.headers["ETag"]
    assert etag == '"1"'
    first = await engineer.call("PATCH", path, json={"title": "A"}, headers={"If-Match": etag})
    assert (first.status, first.headers["ETag"]) == (200, '"2"')
    second = await engineer.call("PATCH", path, json={"title": "B"}, headers={"If-Match": etag})
    assert second.status == 412


@pytest.mark.parametrize(
    "query",
    ["status=gone", "severity=huge", "limit=0", "limit=501", "limit=x", "cursor=zzz", "from=soon"],
)
async def test_unknown_filters_are_422(engineer: Client, query: str) -> None:
    assert (await engineer.call("GET", f"/api/incidents?{query}")).status == 422


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": "x", "severity": "huge", "service_name": "a"},
        {"title": "", "severity": "low", "service_name": "a"},
        {"title": "x", "severity": "low", "service_name": "a b"},
        {"title": "x", "severity": "low", "service_name": "a", "id": "1"},
    ],
)
async def test_an_invalid_incident_is_422(engineer: Client, body: dict[str, Any]) -> None:
    assert (await engineer.call("POST", "/api/incidents", json=body)).status == 422


async def test_pages_hold_everything_once(engineer: Client) -> None:
    service = f"s-{uuid4().hex[:8]}"
    made = [(await opened(engineer, service_name=service)).body["id"] for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = await engineer.get(f"/api/incidents?service={service}&limit=2{cursor}")
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == made[::-1]


async def test_unknown_ids_are_404(engineer: Client) -> None:
    for path in (f"/api/incidents/{uuid4()}", "/api/incidents/no-uuid", f"/api/analysis/{uuid4()}"):
        assert (await engineer.call("GET", path)).status == 404
    answer = await engineer.call("PATCH", f"/api/incidents/{uuid4()}", json={"title": "x"})
    assert answer.status == 404


async def test_the_live_socket_tells_of_a_new_incident(engineer: Client) -> None:
    url = engineer.url("/api/incidents/live")
    async with engineer.session.ws_connect(url, protocols=("bearer", engineer.token)) as socket:
        first = orjson.loads((await socket.receive(timeout=5)).data)
        assert first["type"] == "snapshot"
        made = await opened(engineer)
        while True:
            message = orjson.loads((await socket.receive(timeout=10)).data)
            if made.body["id"] in [item["id"] for item in message["incidents"]]:
                break


async def test_redis_lists_the_active_incidents_newest_first(engineer: Client) -> None:
    older, newer = [(await opened(engineer)).body["id"] for _ in range(2)]
    redis = Redis.from_url(engineer.stack.url("valkey"), decode_responses=True)
    try:

        async def listed(wanted: list[str]) -> bool:
            active = await redis.lrange("incidents:active", 0, -1)
            return [item for item in active if item in (older, newer)] == wanted

        await eventually(lambda: listed([newer, older]), "the list of both", within_s=10)
        path = f"/api/incidents/{older}"
        await engineer.call("PATCH", path, json={"status": "resolved"})
        await eventually(lambda: listed([newer]), "the end of one", within_s=10)
        await engineer.call("PATCH", path, json={"status": "open"})
        await eventually(lambda: listed([older, newer]), "its return", within_s=10)
    finally:
        await redis.aclose()


async def test_answers_are_as_documented(engineer: Client) -> None:
    made = await opened(engineer)
    path = f"/api/incidents/{made.body['id']}"
    await engineer.call("POST", f"{path}/comments", json={"text": "x"})
    for model, got in (
        (IncidentAnswer, made.body),
        (IncidentPage, await engineer.get("/api/incidents")),
        (EventPage, await engineer.get(f"{path}/timeline")),
        (RulePage, await engineer.get("/api/rules")),
        (SilencePage, await engineer.get("/api/silences")),
        (TopologyAnswer, await engineer.get("/api/topology")),
        (UserPage, await engineer.get("/api/auth/users")),
        (IngestTokenPage, await engineer.get("/api/auth/ingest-tokens")),
        (MeAnswer, await engineer.get("/api/auth/me")),
    ):
        model.model_validate(got, extra="forbid")


async def test_a_timeline_comes_in_pages(engineer: Client) -> None:
    path = f"/api/incidents/{(await opened(engineer)).body['id']}"
    for text in "abc":
        await engineer.call("POST", f"{path}/comments", json={"text": text})
    first = await engineer.get(f"{path}/timeline?limit=2")
    rest = await engineer.get(f"{path}/timeline?cursor={first['next_cursor']}")
    texts = [item["data"].get("text") for item in first["items"] + rest["items"]]
    assert (len(first["items"]), [text for text in texts if text]) == (2, ["a", "b", "c"])
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"status": "gone"},
        {"title": None},
        {"title": " "},
        {"version": 7},
        {"affected_services": ["a b"]},
        {"description": "a\x00b"},
    ],
)
async def test_an_invalid_change_is_422_and_changes_nothing(
    engineer: Client, body: dict[str, Any]
) -> None:
    made = await opened(engineer)
    path = f"/api/incidents/{made.body['id']}"
    answer = await engineer.call("PATCH", path, json=body)
    assert (answer.status, answer.body["errors"][0]["loc"][0]) == (422, next(iter(body)))
    assert (await engineer.get(path))["version"] == 1


async def test_filters_choose(engineer: Client) -> None:
    service, other = f"s-{uuid4().hex[:8]}", f"s-{uuid4().hex[:8]}"
    made = await opened(engineer, service_name=service, affected_services=[other], severity="low")
    at = made.body["detected_at"]
    for query, found in (
        (f"service={other}", True),
        (f"service={service}&severity=low&status=open", True),
        (f"service={service}&severity=high", False),
        (f"service={service}&from={at}", True),
        (f"service={service}&to={at}", False),
        (f"service={service}&q=IS%20sl", True),
        (f"service={service}&q=%25", False),
    ):
        items = (await engineer.get(f"/api/incidents?{query}"))["items"]
        assert bool(items) == found, query


async def test_silences_are_created_listed_and_ended(engineer: Client) -> None:
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    made = await engineer.call(
        "POST", "/api/silences", json={"service": "x", "ends_at": ends, "reason": "deploy"}
    )
    assert (made.status, made.body["created_by"]) == (201, "engineer")
    listed = (await engineer.get("/api/silences"))["items"]
    assert made.body["id"] in [item["id"] for item in listed]
    path = f"/api/silences/{made.body['id']}"
    assert (await engineer.call("DELETE", path)).status == 204
    past = await engineer.call("POST", "/api/silences", json={"ends_at": "2020-01-01T00:00:00Z"})
    assert past.status == 422


async def test_topology_is_declared_whole(engineer: Client) -> None:
    for edges in ([["a", "b"], ["b", "c"]], [["a", "c"]]):
        body = {"edges": [{"from": caller, "to": callee} for caller, callee in edges]}
        assert (await engineer.call("PUT", "/api/topology", json=body)).status == 200
        got = (await engineer.get("/api/topology"))["edges"]
        declared = [[e["from"], e["to"]] for e in got if e["source"] == "declared"]
        assert declared == edges
