"""Silences: kept as given, made from incidents, changed, told; what still fires is told after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.client import Client, eventually
from tests.integration.test_detection_flow import incidents_of, make_rule, metric, wait_for_rule
from tests.integration.test_foreign_alerts import alert, incident_of, post
from tests.integration.test_lifecycle import lines, name, opened

pytestmark = pytest.mark.integration


async def test_a_recurring_silence_is_kept_as_it_was_given(engineer: Client) -> None:
    service = name()
    end = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    body = {
        "service": service, "ends_at": end, "tags": {"az": "1"}, "zone": "Europe/Berlin",
        "rrule": "FREQ=WEEKLY;BYDAY=MO,SA", "duration_s": 3600.0,
    }  # fmt: skip
    made = await engineer.call("POST", "/api/silences", json=body)
    assert made.status == 201, made
    same = {key: value for key, value in body.items() if key != "ends_at"}
    assert made.body.items() >= same.items()
    found = (await engineer.get("/api/silences?limit=500"))["items"]
    assert made.body in found
    for wrong in (
        {"rrule": "FREQ=HOURLY"}, {"zone": "Mars"}, {"duration_s": None}, {"rrule": None},
        {"tags": {"": "1"}}, {"duration_s": 0},
    ):  # fmt: skip
        for path in ("/api/silences", "/api/silences/preview"):
            assert (await engineer.call("POST", path, json=body | wrong)).status == 422, wrong
    path = f"/api/silences/{made.body['id']}"
    assert (await engineer.call("DELETE", path)).status == 204


async def test_a_silence_is_made_from_an_incident_in_one_call(
    engineer: Client, manager: Client
) -> None:
    made = await opened(engineer, name())
    path = f"/api/incidents/{made['id']}/silence"
    answer = await engineer.call("POST", path, json={"duration_s": 600})
    assert answer.status == 201, answer
    assert (answer.body["service"], answer.body["metric"]) == (made["service_name"], "*")
    ends, starts = (datetime.fromisoformat(answer.body[key]) for key in ("ends_at", "starts_at"))
    assert (ends - starts).total_seconds() == pytest.approx(600, abs=1e-3)
    (line,) = await lines(manager, made, "silenced")
    assert line["data"]["silence_id"] == answer.body["id"]
    unknown = f"/api/incidents/{uuid4()}/silence"
    assert (await engineer.call("POST", unknown, json={})).status == 404
    assert (await engineer.call("POST", path, json={"duration_s": -1})).status == 422


async def test_a_preview_counts_what_was_stored(engineer: Client) -> None:
    end = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    body = {"service": name(), "ends_at": end}
    answer = await engineer.call("POST", "/api/silences/preview", json=body)
    assert answer.body == {"detections": 0, "incidents": 0, "items": []}


async def test_beginning_and_end_of_a_silence_are_told_once(
    engineer: Client, manager: Client
) -> None:
    incident = await opened(engineer, name())
    path = f"/api/incidents/{incident['id']}/silence"
    silence = (await engineer.call("POST", path, json={"duration_s": 3600})).body

    async def told(count: int) -> list[dict[str, Any]] | None:
        found = await lines(manager, incident, "silence")
        return found if len(found) >= count else None

    await eventually(lambda: told(1), "the beginning on the timeline")
    assert (await engineer.call("DELETE", f"/api/silences/{silence['id']}")).status == 204
    found = await eventually(lambda: told(2), "the end on the timeline")
    assert [line["data"]["state"] for line in found] == ["begun", "ended"]
    assert {line["data"]["silence_id"] for line in found} == {silence["id"]}


def ahead(**more: float) -> str:
    """A time from now on."""
    return (datetime.now(UTC) + timedelta(**more)).isoformat()


async def in_force(engineer: Client, service: str) -> None:
    """Waits until the worker mutes alerts of the service."""

    async def muted() -> bool:
        return bool((await post(engineer, alert(service))).body["muted"])

    await eventually(muted, "the silence")


async def test_a_silence_is_changed_and_its_span_goes_on_or_ends(
    engineer: Client, manager: Client
) -> None:
    incident = await opened(engineer, name())
    service = incident["service_name"]
    body: dict[str, Any] = {"service": service, "ends_at": ahead(hours=1)}
    silence = (await engineer.call("POST", "/api/silences", json=body)).body
    path = f"/api/silences/{silence['id']}"
    assert (silence["active"], silence["changes_at"]) == (True, silence["ends_at"])

    async def told(count: int) -> list[str] | None:
        found = await lines(manager, incident, "silence")
        return [one["data"]["state"] for one in found] if len(found) >= count else None

    await eventually(lambda: told(1), "the beginning")
    longer = body | {"ends_at": ahead(hours=5), "reason": "it takes longer"}
    answer = await engineer.call("PUT", path, json=longer)
    assert (answer.status, answer.body["reason"]) == (200, "it takes longer")
    later = body | {"starts_at": ahead(hours=2), "ends_at": ahead(hours=3)}
    answer = await engineer.call("PUT", path, json=later)
    assert (answer.body["active"], answer.body["changes_at"]) == (False, answer.body["starts_at"])
    # Made longer it went on; only that it holds no more was told.
    assert await eventually(lambda: told(2), "the end") == ["begun", "ended"]
    found = (await manager.get("/api/silences?limit=500"))["items"]
    assert answer.body in found
    assert (
        await engineer.call("PUT", path, json={"ends_at": "2020-01-01T00:00:00Z"})
    ).status == 422
    unknown = f"/api/silences/{uuid4()}"
    assert (await engineer.call("PUT", unknown, json=body)).status == 404
    assert (await manager.call("PUT", path, json=body)).status == 403
    assert (await engineer.call("DELETE", path)).status == 204


async def test_what_still_fires_when_a_silence_ends_is_told_then(engineer: Client) -> None:
    loud, calm = (f"det-{uuid4().hex[:12]}" for _ in range(2))
    for service in (loud, calm):
        await make_rule(engineer, service)
    ids = []
    for service in (loud, calm):
        # Silences hold in event time, of which windows have reached some seconds less than now.
        times = {"starts_at": ahead(minutes=-5), "ends_at": ahead(hours=1)}
        body = {"service": f"{service}*"} | times
        ids.append((await engineer.call("POST", "/api/silences", json=body)).body["id"])
        await in_force(engineer, f"{service}-probe")
    await wait_for_rule(engineer, name())

    async def muted() -> bool:
        await engineer.send(metric(loud, 500.0), metric(calm, 1.0))
        page = await engineer.get(f"/api/detectors?service={loud}")
        return any(one["reason"] == "muted by a silence" for one in page["items"])

    await eventually(muted, "the alarm that is muted")
    assert await incidents_of(engineer, loud) == []
    for silence_id in ids:
        assert (await engineer.call("DELETE", f"/api/silences/{silence_id}")).status == 204

    async def told() -> bool:
        await engineer.send(metric(loud, 500.0), metric(calm, 1.0))
        found = await incidents_of(engineer, loud)
        return any(one["metric_type"] == metric(loud, 0)["metric_type"]
                   for incident in found for one in incident["detections"])  # fmt: skip

    await eventually(told, "the incident after the silence")


async def test_an_alert_of_others_that_still_fires_is_told_and_one_that_is_over_is_not(
    engineer: Client,
) -> None:
    service, ended = name(), name()
    ids = []
    for one in (service, ended):
        body = {"service": f"{one}*", "ends_at": ahead(hours=1)}
        ids.append((await engineer.call("POST", "/api/silences", json=body)).body["id"])
        await in_force(engineer, f"{one}-probe")
    # Names of their own: the same alert of many services would be a storm.
    fires, over = (
        alert(one, labels={"alertname": f"Slow_{one}", "service": one}) for one in (service, ended)
    )
    assert (await post(engineer, fires, over)).body["muted"] == 2
    now = datetime.now(UTC).isoformat()
    assert (await post(engineer, over | {"status": "resolved", "endsAt": now})).status == 202
    for silence_id in reversed(ids):
        assert (await engineer.call("DELETE", f"/api/silences/{silence_id}")).status == 204
    found = await incident_of(engineer, service, "open")
    assert {one["metric_type"] for one in found["detections"]} == {f"Slow_{service}"}
    assert (await engineer.get(f"/api/incidents?service={ended}"))["items"] == []
