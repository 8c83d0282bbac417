"""Services over HTTP: one that is no more goes from the list, until it reports again."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.client import Client, eventually

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("name", ["gone", "gone/with.slash"])
async def test_a_deleted_service_is_not_listed_until_it_reports_again(
    engineer: Client, manager: Client, name: str
) -> None:
    service = f"{name}-{uuid4().hex[:8]}"
    path = f"/api/services/{quote(service, safe='')}"

    async def listed() -> list[Any]:
        found: list[Any] = (await engineer.get(f"/api/services?service={quote(service)}"))["items"]
        return found

    async def reported() -> list[Any]:
        await engineer.send({"service_name": service, "metric_type": "cpu", "value": 1})
        return await listed()

    assert (await engineer.call("DELETE", path)).status == 404
    await eventually(reported, "the service")
    assert (await manager.call("DELETE", path)).status == 403
    assert (await engineer.call("DELETE", path)).status == 204
    assert await listed() == []
    await eventually(reported, "the service again")


async def test_what_a_service_reports_is_told(engineer: Client, manager: Client) -> None:
    service = f"told-{uuid4().hex[:8]}"
    now_s = time.time()

    def metrics(at_s: float) -> list[dict[str, Any]]:
        common = {"service_name": service, "timestamp": at_s}
        counters = [
            {"metric_type": "requests", "value": 3.0, "kind": "counter", "tags": {"pod": pod}}
            for pod in "ab"
        ]
        return [common | each for each in (*counters, {"metric_type": "cpu", "value": 1.0})]

    await engineer.send(*metrics(now_s - 180), *metrics(now_s - 179))
    await engineer.send(*metrics(now_s))

    async def told() -> Any:
        found = (await manager.get(f"/api/services?service={service}"))["items"]
        return found[0] if found and found[0]["series"] and found[0]["kinds"] else None

    found = await eventually(told, "a closed window")
    assert found["kinds"] == {"cpu": "gauge", "requests": "counter"}
    assert found["metric_types"] == ["cpu", "requests"]
    assert (found["series"], found["rate_per_s"]) == (3, 6 / 60)
    assert (found["state"], found["owner"], found["links"]) == ("reporting", "", {})
    assert await manager.get(f"/api/services/{service}") == found | {
        "last_seen": (await told())["last_seen"]
    }


async def test_owner_links_and_runbook_are_kept_with_versions(
    engineer: Client, manager: Client
) -> None:
    service = f"card/{uuid4().hex[:8]}"
    path = f"/api/services/{quote(service, safe='')}"
    body = {"owner": " Payments ", "links": {"runbook": "https://wiki.test/{service}"}}
    assert (await engineer.call("PATCH", path, json=body)).status == 404
    await engineer.send({"service_name": service, "metric_type": "cpu", "value": 1})

    async def known() -> bool:
        return (await engineer.call("GET", path)).status == 200

    await eventually(known, "the service")
    assert (await engineer.call("GET", path)).headers["ETag"] == '"0"'
    assert (await manager.call("PATCH", path, json=body)).status == 403
    first = await engineer.call("PATCH", path, json=body, headers={"If-Match": '"0"'})
    assert (first.status, first.headers["ETag"], first.body["owner"]) == (200, '"1"', "Payments")
    stale = await engineer.call("PATCH", path, json={"owner": "X"}, headers={"If-Match": '"0"'})
    assert stale.status == 412
    logs = "https://logs.test/?q={service}&from={from_ms}"
    second = await engineer.call("PATCH", path, json={"links": {"logs": logs, "runbook": None}})
    assert (second.body["links"], second.body["owner"]) == ({"logs": logs}, "Payments")
    same = await engineer.call("PATCH", path, json={"owner": "Payments"})
    assert same.headers["ETag"] == second.headers["ETag"] == '"2"'
    text = {"runbook_text": " Ask first.\n`restart it` "}
    third = await engineer.call("PATCH", path, json=text)
    assert (third.body["runbook_text"], third.body["version"]) == ("Ask first.\n`restart it`", 3)
    assert third.body["links"] == {"logs": logs}
    same = await engineer.call("PATCH", path, json=text)
    assert same.body["version"] == 3
    both = {"owner": "Payments", "links": {"traces": "https://traces.test/x"}}
    fourth = await engineer.call("PATCH", path, json=both)
    assert (fourth.body["runbook_text"], fourth.body["version"]) == ("Ask first.\n`restart it`", 4)
    assert (await engineer.call("DELETE", path)).status == 204
    await engineer.send({"service_name": service, "metric_type": "cpu", "value": 1})
    await eventually(known, "the service again")
    assert (await manager.get(path))["runbook_text"] == "Ask first.\n`restart it`"
    assert (await manager.get(path))["owner"] == "Payments"


@pytest.mark.parametrize(
    "body",
    [
        {"owner": None}, {"owner": "x" * 201}, {"owner": "\x00"}, {"links": None}, {"other": "x"},
        {"runbook_text": None}, {"runbook_text": "x" * 4001}, {"runbook_text": "\x00"},
        {"links": {"home": "https://a.test"}}, {"links": {"logs": "javascript:alert(1)"}},
        {"links": {"logs": "https://a.test/{nonsense}"}}, {"links": {"logs": 1}}, [],
    ],
)  # fmt: skip
async def test_what_cannot_be_said_of_a_service_is_422(engineer: Client, body: Any) -> None:
    assert (await engineer.call("PATCH", "/api/services/any", json=body)).status == 422


async def test_raw_metrics_need_a_service_and_come_newest_first(engineer: Client) -> None:
    assert (await engineer.call("GET", "/api/metrics/raw")).status == 422
    service, now_s = f"raw-{uuid4().hex[:8]}", float(int(time.time()))
    sent = [
        {"service_name": service, "metric_type": name, "value": number, "timestamp": at_s}
        for number, (name, at_s) in enumerate(
            [("a", now_s - 5), ("b", now_s - 4), ("a", now_s - 3), ("c", now_s - 3), ("b", now_s)]
        )
    ]
    await engineer.send(*sent)

    async def pages(more: str) -> list[float]:
        found, cursor = [], ""
        while True:
            path = f"/api/metrics/raw?service={service}&limit=2{more}{cursor}"
            page = await engineer.get(path)
            found += [item["value"] for item in page["items"]]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    async def everything() -> list[float] | None:
        found = await pages("")
        return found if len(found) == len(sent) else None

    found = await eventually(everything, "the archive")
    assert (found[0], sorted(found[1:3]), found[3:]) == (4, [2, 3], [1, 0])
    assert await pages("&metric=b") == [4, 1]
