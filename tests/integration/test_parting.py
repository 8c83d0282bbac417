"""Split and undo over HTTP: both incidents, both timelines, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from tests.client import Client, eventually

pytestmark = pytest.mark.integration
COUNT = 6


async def storm(engineer: Client, alone: int = 0) -> tuple[dict[str, Any], list[str]]:
    """One incident of many services with the same alert, and those services; of the first of
    them each was an incident for itself before."""
    mark, begun = uuid4().hex[:8], datetime.now(UTC).isoformat()
    services = [f"s{number}-{mark}" for number in range(COUNT)]
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": f"Slow{mark}", "service": name, "severity": "low"},
            "annotations": {"summary": "slow"},
            "startsAt": begun,
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": uuid4().hex[:16],
        }
        for name in services
    ]
    for some in (alerts[:alone], alerts[alone:]) if alone else (alerts,):
        message = {"version": "4", "status": "firing", "receiver": "liveops", "alerts": some}
        answer = await engineer.call("POST", "/api/alerts/alertmanager", json=message)
        assert answer.status == 202, answer
        for number in range(alone):
            await eventually(partial(of, engineer, services[number]), "an incident each")
    found = await eventually(partial(of, engineer, services[0], *services), "one incident of all")
    return found, services


async def of(engineer: Client, *services: str) -> dict[str, Any] | None:
    """The open incident of the first of these services, once it has all of them."""
    page = await engineer.get(f"/api/incidents?service={services[0]}&status=open")
    found = page["items"][0] if page["items"] else {"affected_services": []}
    return found if {*services} <= {*found["affected_services"]} else None


async def kinds(engineer: Client, incident_id: str) -> list[tuple[str, str | None]]:
    page = await engineer.get(f"/api/incidents/{incident_id}/timeline?limit=500")
    return [
        (item["kind"], item["data"]["other"])
        for item in page["items"]
        if item["kind"] in ("split", "undo")
    ]


async def test_a_split_and_its_undoing_are_on_both_timelines(engineer: Client) -> None:
    whole, services = await storm(engineer)
    path = f"/api/incidents/{whole['id']}"
    body = {"services": services[1:3]}
    answer = await engineer.call("POST", f"{path}/split", json=body)
    assert answer.status == 201, answer
    part = answer.body
    assert answer.headers["Location"] == f"/api/incidents/{part['id']}"
    assert (part["affected_services"], part["status"]) == (services[1:3], "open")
    left = await engineer.get(path)
    assert left["affected_services"] == [services[0], *services[3:]]
    assert await kinds(engineer, whole["id"]) == [("split", part["id"])]
    assert await kinds(engineer, part["id"]) == [("split", whole["id"])]
    answer = await engineer.call("POST", f"/api/incidents/{part['id']}/undo")
    assert (answer.status, answer.body["status"]) == (200, "resolved")
    assert f"Merged into incident {whole['id']}." in answer.body["description"]
    assert (await engineer.get(path))["affected_services"] == services
    assert await kinds(engineer, whole["id"]) == [("split", part["id"]), ("undo", part["id"])]
    assert await kinds(engineer, part["id"]) == [("split", whole["id"]), ("undo", whole["id"])]


async def test_a_merge_is_undone(engineer: Client) -> None:
    whole, services = await storm(engineer, alone=3)
    merged = [
        item
        for name in services
        for item in (await engineer.get(f"/api/incidents?service={name}&status=resolved"))["items"]
    ]
    (gone,) = merged[-1]["affected_services"]
    answer = await engineer.call("POST", f"/api/incidents/{merged[-1]['id']}/undo")
    assert (answer.status, answer.body["status"]) == (200, "open")
    left = await engineer.get(f"/api/incidents/{whole['id']}")
    assert left["affected_services"] == [name for name in services if name != gone]


async def test_what_cannot_be_parted_is_refused(engineer: Client) -> None:
    whole, services = await storm(engineer)
    path = f"/api/incidents/{whole['id']}"
    for body, status in (
        ({"services": services}, 409),
        ({"services": ["another"]}, 409),
        ({"services": []}, 422),
        ({"services": ["no name"]}, 422),
        ({}, 422),
    ):
        assert (await engineer.call("POST", f"{path}/split", json=body)).status == status
    assert (await engineer.call("POST", f"{path}/undo")).status == 409
    strange = f"/api/incidents/{uuid4()}"
    body = {"services": services[:1]}
    assert (await engineer.call("POST", f"{strange}/split", json=body)).status == 404
    assert (await engineer.call("POST", f"{strange}/undo")).status == 404
