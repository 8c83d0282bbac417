"""Many incidents at once, statistics, verdicts, changes of services, similar incidents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.client import Client, eventually
from web.models.incidents import IncidentDetail
from web.models.lifecycle import (
    BulkAnswer,
    ChangeAnswer,
    ChangePage,
    FeedbackAnswer,
    SimilarPage,
    StatsAnswer,
)

pytestmark = pytest.mark.integration


def name() -> str:
    return f"s-{uuid4().hex[:8]}"


async def opened(engineer: Client, service: str, **more: Any) -> dict[str, Any]:
    body = {"title": "It is slow", "severity": "high", "service_name": service} | more
    answer = await engineer.call("POST", "/api/incidents", json=body)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.body
    return made


async def lines(client: Client, incident: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    items = (await client.get(f"/api/incidents/{incident['id']}/timeline"))["items"]
    return [item for item in items if item["kind"] == kind]


async def test_a_bulk_call_changes_each_and_names_those_it_cannot(engineer: Client) -> None:
    service = name()
    made = [await opened(engineer, service) for _ in range(4)]
    resolved = f"/api/incidents/{made[3]['id']}"
    await engineer.call("PATCH", resolved, json={"status": "resolved"})
    unknown, ids = str(uuid4()), [one["id"] for one in made]
    body = {"ids": [*ids, unknown, ids[0]], "status": "acknowledged"}
    answer = await engineer.call("POST", "/api/incidents/bulk", json=body)
    assert answer.status == 200, answer
    BulkAnswer.model_validate(answer.body)
    assert answer.body["changed"] == ids[:3]
    assert [(one["id"], one["status"]) for one in answer.body["failed"]] == [
        (ids[3], 409), (unknown, 404),
    ]  # fmt: skip
    again = await engineer.call("POST", "/api/incidents/bulk", json=body | {"ids": ids[:3]})
    assert again.body == {"changed": ids[:3], "failed": []}
    for one in made[:3]:
        found = await engineer.get(f"/api/incidents/{one['id']}")
        assert (found["status"], found["version"]) == ("acknowledged", 2)
        (line,) = await lines(engineer, one, "updated")
        assert line["data"] == {"status": ["open", "acknowledged"]}
        assert line["actor"] == "engineer"


async def test_a_bulk_call_and_a_comment_heed_the_version_that_was_seen(engineer: Client) -> None:
    made = [await opened(engineer, name()) for _ in range(2)]
    ids = [one["id"] for one in made]
    path = f"/api/incidents/{ids[1]}"
    assert (await engineer.call("PATCH", path, json={"title": "Moved on"})).status == 200
    body = {"ids": ids, "status": "resolved", "versions": {one: 1 for one in ids}}
    answer = await engineer.call("POST", "/api/incidents/bulk", json=body)
    assert answer.body["changed"] == ids[:1]
    assert [(one["id"], one["status"]) for one in answer.body["failed"]] == [(ids[1], 412)]
    assert (await engineer.get(path))["status"] == "open"
    for wrong in ({ids[0]: 0}, {"x": 1}, {ids[0]: "1"}):
        refused = await engineer.call(
            "POST", "/api/incidents/bulk", json=body | {"versions": wrong}
        )
        assert refused.status == 422, wrong
    remark, stale = {"text": "seen"}, {"If-Match": '"1"'}
    refused = await engineer.call("POST", f"{path}/comments", json=remark, headers=stale)
    assert refused.status == 412
    assert await lines(engineer, made[1], "comment") == []
    fresh = {"If-Match": '"2"'}
    taken = await engineer.call("POST", f"{path}/comments", json=remark, headers=fresh)
    assert (taken.status, taken.body["data"]) == (201, remark)
    unknown = f"/api/incidents/{uuid4()}/comments"
    assert (await engineer.call("POST", unknown, json=remark)).status == 404


async def test_a_bulk_call_takes_500_and_can_assign_and_free(engineer: Client) -> None:
    ids = [(await opened(engineer, name()))["id"] for _ in range(2)]
    many = [*ids, *(str(uuid4()) for _ in range(498))]
    path = "/api/incidents/bulk"
    for assignee in ("ada", None):
        answer = await engineer.call("POST", path, json={"ids": many, "assignee": assignee})
        assert (answer.body["changed"], len(answer.body["failed"])) == (ids, 498)
        assert (await engineer.get(f"/api/incidents/{ids[0]}"))["assignee"] == assignee
    for wrong in (
        {"ids": [*many, str(uuid4())], "status": "resolved"},
        {"ids": [], "status": "resolved"},
        {"ids": ids},
        {"ids": ids, "status": None},
        {"ids": ids, "status": "gone"},
        {"ids": ["x"], "status": "open"},
    ):
        assert (await engineer.call("POST", path, json=wrong)).status == 422, wrong


async def test_what_a_person_sets_is_marked(engineer: Client) -> None:
    made = await opened(engineer, name())
    path = f"/api/incidents/{made['id']}"
    body = {"severity": "high", "title": "Mine", "status": "acknowledged"}
    assert (await engineer.call("PATCH", path, json=body)).status == 200
    found = await engineer.get(path)
    IncidentDetail.model_validate(found, extra="forbid")
    assert found["by_hand"] == ["severity", "title"]


async def test_feedback_is_stored_told_and_resolves_what_was_none(
    engineer: Client, manager: Client
) -> None:
    made = await opened(engineer, name())
    path = f"/api/analysis/{made['id']}/feedback"
    for wrong in ({"verdict": "perhaps"}, {}, {"verdict": "right", "more": 1}):
        assert (await engineer.call("POST", path, json=wrong)).status == 422
    unknown = f"/api/analysis/{uuid4()}/feedback"
    assert (await engineer.call("POST", unknown, json={"verdict": "right"})).status == 404
    assert (await manager.call("POST", path, json={"verdict": "right"})).status == 403
    said = {"verdict": "wrong", "true_cause": "a disk", "comment": "looked"}
    answer = await engineer.call("POST", path, json=said)
    assert answer.status == 201, answer
    FeedbackAnswer.model_validate(answer.body)
    assert answer.body.items() >= (said | {"created_by": "engineer"}).items()
    (line,) = await lines(manager, made, "feedback")
    assert (line["data"], line["actor"]) == (said, "engineer")
    assert (await engineer.get(f"/api/incidents/{made['id']}"))["status"] == "open"
    await engineer.call("POST", path, json={"verdict": "not_an_incident"})
    assert (await engineer.get(f"/api/incidents/{made['id']}"))["status"] == "resolved"
    (line,) = await lines(manager, made, "updated")
    assert line["data"]["status"] == ["open", "resolved"]


async def test_statistics_count_times_and_false_alarms(engineer: Client, manager: Client) -> None:
    service = name()
    before = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    made = [await opened(engineer, service) for _ in range(4)]
    for status in ("acknowledged", "resolved"):
        path = f"/api/incidents/{made[0]['id']}"
        await engineer.call("PATCH", path, json={"status": status})
    for one, verdict in zip(made[:2], ("right", "not_an_incident"), strict=True):
        path = f"/api/analysis/{one['id']}/feedback"
        assert (await engineer.call("POST", path, json={"verdict": verdict})).status == 201
    found = await manager.get(f"/api/incidents/stats?from={before}")
    StatsAnswer.model_validate(found)
    (own,) = [one for one in found["by_service"] if one["service_name"] == service]
    assert (own["count"], own["judged"], own["false_alarm_share"]) == (4, 2, 0.5)
    shown = [await engineer.get(f"/api/incidents/{one['id']}") for one in made[:2]]
    took = [seconds(one, "resolved_at") for one in shown]
    assert own["mttr_s"] == pytest.approx(sum(took) / 2, abs=1e-3)
    assert own["mtta_s"] == pytest.approx(seconds(shown[0], "acknowledged_at"), abs=1e-3)
    assert found["count"] == sum(one["count"] for one in found["by_week"])
    assert found["count"] == sum(one["count"] for one in found["by_service"])
    none = await manager.get(
        "/api/incidents/stats?from=2001-01-01T00:00:00Z&to=2001-01-02T00:00:00Z"
    )
    assert none == {
        "count": 0, "mtta_s": None, "mttr_s": None, "judged": 0, "false_alarm_share": None,
        "by_week": [], "by_service": [],
    }  # fmt: skip
    assert (await manager.call("GET", "/api/incidents/stats?from=x")).status == 422


def seconds(incident: dict[str, Any], until: str) -> float:
    end, begin = (datetime.fromisoformat(incident[key]) for key in (until, "detected_at"))
    return (end - begin).total_seconds()


async def test_changes_are_listed_and_stand_on_timelines(engineer: Client, manager: Client) -> None:
    service, other = name(), name()
    answer = await engineer.call(
        "POST", "/api/auth/ingest-tokens", json={"name": "ci", "services": [service]}
    )
    token = {"Authorization": f"Bearer {answer.body['token']}"}
    at = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    body = {"service_name": service, "kind": "deploy", "title": "v2", "at": at,
            "url": "https://ci.example/2", "tags": {"commit": "abc"}}  # fmt: skip
    made = await engineer.call("POST", "/api/events", json=body, headers=token)
    assert made.status == 201, made
    ChangeAnswer.model_validate(made.body)
    foreign = body | {"service_name": other}
    assert (await engineer.call("POST", "/api/events", json=foreign, headers=token)).status == 422
    old = body | {"at": "2026-01-01T00:00:00Z", "title": "v1"}
    assert (await engineer.call("POST", "/api/events", json=old)).status == 201
    for wrong in (
        {"kind": "party"}, {"title": " "}, {"url": "javascript:x"}, {"at": "noon"}, {"more": 1},
    ):  # fmt: skip
        assert (await engineer.call("POST", "/api/events", json=body | wrong)).status == 422, wrong
    path = f"/api/events?service={service}"
    found = await manager.get(path)
    ChangePage.model_validate(found)
    assert found["items"] == [made.body]
    whole = f"{path}&from=2025-12-31T00:00:00Z&limit=1"
    first = await manager.get(whole)
    rest = await manager.get(f"{whole}&cursor={first['next_cursor']}")
    assert [one["title"] for one in first["items"] + rest["items"]] == ["v2", "v1"]
    incident = await opened(engineer, other, affected_services=[service])
    (line,) = await lines(manager, incident, "event")
    assert (line["id"], line["data"]["title"], line["data"]["change"]) == (
        made.body["id"], "v2", "deploy",
    )  # fmt: skip
    timeline = f"/api/incidents/{incident['id']}/timeline"
    first = await manager.get(f"{timeline}?limit=1")
    rest = await manager.get(f"{timeline}?cursor={first['next_cursor']}")
    kinds = [one["kind"] for one in first["items"] + rest["items"]]
    assert kinds[:2] == ["event", "created"]


async def test_similar_incidents_tell_what_came_of_them(engineer: Client, manager: Client) -> None:
    service = name()
    first = await opened(engineer, service)
    path = f"/api/incidents/{first['id']}"
    await engineer.call("POST", f"{path}/comments", json={"text": "restarted it"})
    await engineer.call("PATCH", path, json={"status": "resolved"})
    said = {"verdict": "right", "true_cause": "a leak"}
    await engineer.call("POST", f"/api/analysis/{first['id']}/feedback", json=said)
    await opened(engineer, name())
    second = await opened(engineer, service)
    found = await manager.get(f"/api/incidents/{second['id']}/similar")
    SimilarPage.model_validate(found)
    (one,) = found["items"]
    assert (one["id"], one["likeness"], one["resolved_by"]) == (first["id"], 1.0, "engineer")
    assert (one["last_comment"], one["true_cause"]) == ("restarted it", "a leak")
    assert (await manager.get(f"{path}/similar"))["items"] == []
    assert (await manager.call("GET", f"/api/incidents/{uuid4()}/similar")).status == 404


async def test_links_of_the_service_are_filled_in_for_the_incident(engineer: Client) -> None:
    service = name()
    await engineer.send({"service_name": service, "metric_type": "m", "value": 1})
    incident = await opened(engineer, service)
    path = f"/api/incidents/{incident['id']}"
    assert (await engineer.get(path))["links"] == {}
    links = {"links": {"logs": "https://logs.example/{service}?i={incident}"}}

    async def linked() -> bool:
        answer = await engineer.call("PATCH", f"/api/services/{service}", json=links)
        return answer.status == 200

    await eventually(linked, "the service in the list")
    found = await engineer.get(path)
    assert found["links"] == {"logs": f"https://logs.example/{service}?i={incident['id']}"}
