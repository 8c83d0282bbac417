"""Which incidents lists hold, and how many there are, as the server says."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest

from tests.client import Client, eventually
from web.models.incidents import IncidentSummary
from web.models.services import ServiceList

pytestmark = pytest.mark.integration


async def opened(engineer: Client, **more: Any) -> dict[str, Any]:
    body = {"title": "It is slow", "severity": "high"} | more
    answer = await engineer.call("POST", "/api/incidents", json=body)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.body
    return made


async def turned(engineer: Client, incident: dict[str, Any], status: str) -> None:
    path = f"/api/incidents/{incident['id']}"
    assert (await engineer.call("PATCH", path, json={"status": status})).status == 200


async def test_the_summary_counts_by_status_and_severity_with_the_lists_filters(
    engineer: Client, manager: Client
) -> None:
    service = f"s-{uuid4().hex[:8]}"
    made = [
        await opened(engineer, service_name=service, severity=severity, title=f"about {severity}")
        for severity in ("critical", "high", "high", "low")
    ]
    await turned(engineer, made[0], "acknowledged")
    await turned(engineer, made[3], "resolved")
    path = f"/api/incidents/summary?service={service}"
    found = await manager.get(path)
    IncidentSummary.model_validate(found, extra="forbid")
    assert found == {
        "total": 4,
        "by_status": {"open": 2, "acknowledged": 1, "resolved": 1},
        "by_severity": {"critical": 1, "high": 2, "medium": 0, "low": 1},
    }
    for query, total in (
        ("status=open&status=acknowledged", 3),
        ("severity=high&severity=low", 3),
        ("severity=high&status=resolved", 0),
        ("q=ABOUT%20high", 2),
        (f"from={made[1]['detected_at']}", 3),
        (f"to={made[1]['detected_at']}", 1),
    ):
        assert (await manager.get(f"{path}&{query}"))["total"] == total, query


async def test_a_list_of_several_statuses_pages_like_any_other(engineer: Client) -> None:
    service = f"s-{uuid4().hex[:8]}"
    made = [await opened(engineer, service_name=service) for _ in range(5)]
    await turned(engineer, made[1], "acknowledged")
    await turned(engineer, made[2], "resolved")
    path = f"/api/incidents?service={service}&status=open&status=acknowledged&limit=3"
    first = await engineer.get(path)
    rest = await engineer.get(f"{path}&cursor={first['next_cursor']}")
    found = [item["id"] for item in first["items"] + rest["items"]]
    assert found == [made[index]["id"] for index in (4, 3, 1, 0)]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("query", ["status=open&status=gone", "severity=huge", "service=a%20b"])
async def test_unknown_filters_of_the_summary_are_422(engineer: Client, query: str) -> None:
    assert (await engineer.call("GET", f"/api/incidents/summary?{query}")).status == 422


async def test_a_text_is_looked_for_in_names_of_services_too(engineer: Client) -> None:
    main, other = f"Main-{uuid4().hex[:8]}", f"other-{uuid4().hex[:8]}"
    made = await opened(engineer, service_name=main, affected_services=[other])
    for text in (main.lower(), other.upper()):
        items = (await engineer.get(f"/api/incidents?q={text}"))["items"]
        assert [item["id"] for item in items] == [made["id"]], text


async def test_an_incident_counts_once_for_each_of_its_services(engineer: Client) -> None:
    main, other = f"s-{uuid4().hex[:8]}", f"s-{uuid4().hex[:8]}"
    for name in (main, other):
        await engineer.send(
            {"service_name": name, "metric_type": "m", "value": 1, "timestamp": time.time()}
        )
    await opened(engineer, service_name=main, affected_services=[other], severity="low")
    second = await opened(engineer, service_name=other, severity="high")

    async def listed(names: list[str]) -> dict[str, dict[str, Any]] | None:
        query = "&".join(f"service={name}" for name in names)
        answer = await engineer.get(f"/api/services?{query}")
        ServiceList.model_validate(answer, extra="forbid")
        items = {item["service_name"]: item for item in answer["items"]}
        return items if len(items) == len(names) else None

    both = await eventually(lambda: listed([main, other]), "both services in the list")
    assert (both[main]["open_incidents"], both[main]["severity"]) == (1, "low")
    assert (both[other]["open_incidents"], both[other]["severity"]) == (2, "high")
    assert (both[main]["health"], both[other]["health"]) == ("degraded", "critical")
    await turned(engineer, second, "resolved")
    alone = await eventually(lambda: listed([other]), "the one service asked for")
    assert (alone[other]["open_incidents"], alone[other]["severity"]) == (1, "low")


async def test_a_text_is_taken_as_it_is(engineer: Client) -> None:
    mark = uuid4().hex[:8]
    titles = [f"{mark} 50% of a_b\\c", f"{mark} 505 of aXb"]
    made = [await opened(engineer, service_name="s", title=title) for title in titles]
    for text in ("50%25 OF", "a_b", "b%5Cc"):
        items = await engineer.get(f"/api/incidents?q={text}&from={made[0]['detected_at']}")
        found = [item["id"] for item in items["items"] if mark in item["title"]]
        assert found == [made[0]["id"]], text
