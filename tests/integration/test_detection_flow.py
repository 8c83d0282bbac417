"""From POST /api/metrics through detectors and correlator to incidents, on real servers."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from tests.client import Client, eventually

pytestmark = pytest.mark.integration

Json = dict[str, Any]


@pytest.fixture
def service() -> str:
    return f"det-{uuid4().hex[:12]}"


def queue(service: str) -> str:
    """A metric of one test: the same one of many services in one minute would be a storm."""
    return "queue_" + "_".join(service.split("-")[:2])


def metric(service: str, value: float, **more: Any) -> Json:
    return {"service_name": service, "metric_type": queue(service), "value": value, **more}


async def make_rule(engineer: Client, service: str, **more: Any) -> Json:
    body = {
        "name": "Too deep",
        "kind": "threshold",
        "service": service,
        "metric": queue(service),
        "window": "1m",
        "field": "max",
        "op": ">",
        "value": 100,
        "severity": "critical",
    }
    answer = await engineer.call("POST", "/api/rules", json=body | more)
    assert answer.status == 201, answer
    made: Json = answer.body
    return made


async def incidents_of(engineer: Client, service: str) -> list[Json]:
    items: list[Json] = (await engineer.get(f"/api/incidents?service={service}"))["items"]
    return items


async def breach(engineer: Client, service: str) -> Json:
    """Send breaching values until the rule has reached the worker and an incident is open."""

    async def opened() -> Json | None:
        await engineer.send(metric(service, 500.0))
        found = await incidents_of(engineer, service)
        return found[0] if found else None

    found: Json = await eventually(opened, "the incident")
    return found


async def test_the_default_rules_are_there_from_the_start(engineer: Client) -> None:
    rules = (await engineer.get("/api/rules"))["items"]
    assert {"ensemble", "no_data"} <= {rule["kind"] for rule in rules}


async def test_a_breach_opens_one_incident_that_explains_itself(
    engineer: Client, service: str
) -> None:
    rule = await make_rule(engineer, service)
    incident = await breach(engineer, service)
    assert incident["severity"] == "critical"
    assert (incident["status"], incident["source"]) == ("open", "detector")
    assert incident["service_name"] == service
    assert incident["affected_services"] == [service]
    assert incident["latency"]["event_to_detected_ms"] < 5000
    (detection,) = incident["detections"]
    assert detection["rule_id"] == rule["id"]
    assert (detection["value"], detection["upper"]) == (500.0, 100.0)
    assert "500" in detection["reason"]
    assert "liveops.detections" in incident["offsets"]
    await engineer.send(*(metric(service, 600.0) for _ in range(5)))
    assert len(await incidents_of(engineer, service)) == 1


async def test_real_data_resolve_what_they_opened(engineer: Client, service: str) -> None:
    await make_rule(engineer, service)
    past = int(time.time() // 60) * 60 - 600
    values = {0: 1.0, 60: 500.0, 120: 1.0, 180: 1.0, 240: 1.0, 300: 1.0}

    async def resolved() -> Json | None:
        found = await incidents_of(engineer, service)
        return found[0] if found and found[0]["status"] == "resolved" else None

    batch = [metric(service, v, timestamp=past + t + 1) for t, v in values.items()]
    await wait_for_rule(engineer, service)
    await engineer.send(*batch)
    incident = await eventually(resolved, "the incident to resolve")
    assert {item["state"] for item in incident["detections"]} == {"resolved"}
    kinds = (await engineer.get(f"/api/incidents/{incident['id']}/timeline"))["items"]
    assert [k["kind"] for k in kinds if k["kind"] != "analysis"] == ["created", "updated"]


async def wait_for_rule(engineer: Client, service: str) -> None:
    """A marker rule made after the service's own, seen at work, proves that it is in force."""
    marker = f"{service}-marker"
    await make_rule(engineer, marker)
    await breach(engineer, marker)


async def test_a_fault_in_a_dependency_is_one_incident_and_another_fault_its_own(
    engineer: Client, service: str
) -> None:
    caller, callee, other = f"{service}-a", f"{service}-b", f"{service}-c"
    before = (await engineer.get("/api/topology"))["edges"]
    edges = [{"from": e["from"], "to": e["to"]} for e in before if e["source"] == "declared"]
    body = {"edges": [*edges, {"from": caller, "to": callee}]}
    assert (await engineer.call("PUT", "/api/topology", json=body)).status in (200, 204)
    await make_rule(engineer, f"{service}-*")
    await wait_for_rule(engineer, service)
    await engineer.send(metric(caller, 500.0), metric(callee, 700.0), metric(other, 900.0))

    async def both() -> tuple[Json, Json] | None:
        first = await incidents_of(engineer, callee)
        second = await incidents_of(engineer, other)
        whole = first and caller in first[0]["affected_services"]
        return (first[0], second[0]) if whole and second else None

    shared, alone = await eventually(both, "two incidents")
    assert shared["service_name"] == callee
    assert shared["affected_services"] == [caller, callee]
    assert alone["affected_services"] == [other]
    assert len(await incidents_of(engineer, caller)) == 1


async def test_a_silence_mutes(engineer: Client, service: str) -> None:
    silence = {
        "service": service,
        "metric": "*",
        "starts_at": "2020-01-01T00:00:00Z",
        "ends_at": "2099-01-01T00:00:00Z",
        "reason": "maintenance",
    }
    answer = await engineer.call("POST", "/api/silences", json=silence)
    assert answer.status == 201, answer
    await make_rule(engineer, service)
    await wait_for_rule(engineer, service)
    await engineer.send(metric(service, 500.0))
    await wait_for_rule(engineer, f"{service}-later")
    assert await incidents_of(engineer, service) == []


async def test_an_incident_resolved_by_hand_stays_so_while_its_excursion_lasts(
    engineer: Client, service: str
) -> None:
    await make_rule(engineer, service)
    incident = await breach(engineer, service)
    path = f"/api/incidents/{incident['id']}"
    answer = await engineer.call("PATCH", path, json={"status": "resolved"})
    assert answer.status == 200
    await engineer.send(*(metric(service, 900.0) for _ in range(3)))
    await wait_for_rule(engineer, service)
    assert [i["status"] for i in await incidents_of(engineer, service)] == ["resolved"]


async def test_a_bad_configuration_record_stops_no_later_rule(
    engineer: Client, service: str
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=engineer.stack.url("kafka"))
    await producer.start()
    try:
        for key, value in ((b"rule/\xff", b"{}"), (b"silence/x", b"[" * 10_000), (None, b"1")):
            await producer.send_and_wait("liveops.config", value, key=key or b"odd")
    finally:
        await producer.stop()
    await make_rule(engineer, service)
    await breach(engineer, service)
    url = engineer.stack.url("incidents") + "/actuator/health"
    async with engineer.session.get(url) as response:
        components = (await response.json())["components"]
    assert components["background"]["status"] == "UP", components
