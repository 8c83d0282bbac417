"""Alerts of others come in; incidents go out to Alertmanager: with Debian's real programs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from liveops.postgres.database import Database
from liveops.postgres.migrate import migrate
from tests.alertmanager import alerting_prometheus, alertmanager
from tests.client import Answer, Client, eventually
from tests.notified import World, notifying, settings_of
from tests.stack import TestServers

pytestmark = pytest.mark.integration
PATH = "/api/alerts/alertmanager"


@pytest.fixture
async def world(servers: TestServers) -> AsyncIterator[World]:
    await migrate(servers.database_url)
    database = Database(servers.database_url)
    yield World(database)
    await database.stop()


def alert(service: str, status: str = "firing", **more: Any) -> dict[str, Any]:
    begun = datetime.now(UTC) - timedelta(minutes=2)
    # A name of its own: many services with one alert at once would be a storm.
    labels = {"alertname": f"Slow_{service}", "service": service, "severity": "critical"}
    return {
        "status": status,
        "labels": labels | {"instance": "web-1:9100"},
        "annotations": {"summary": "p99 is over 2 s"},
        "startsAt": begun.isoformat(),
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else datetime.now(UTC).isoformat(),
        "generatorURL": "http://prometheus/graph",
        "fingerprint": uuid4().hex[:16],
        **more,
    }


async def post(client: Client, *alerts: dict[str, Any], **options: Any) -> Answer:
    message = {"version": "4", "status": "firing", "receiver": "liveops", "alerts": list(alerts)}
    return await client.call("POST", PATH, json=message, **options)


async def incident_of(client: Client, service: str, status: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        page = await client.get(f"/api/incidents?service={service}&status={status}")
        return page["items"][0] if page["items"] else None

    return await eventually(look, f"an incident of {service} that is {status}")


async def test_an_alert_becomes_an_incident_and_ends_it(engineer: Client) -> None:
    service = f"s-{uuid4().hex[:8]}"
    first = alert(service)
    answer = await post(engineer, first)
    assert (answer.status, answer.body) == (202, {"accepted": 1, "muted": 0, "rejected": []})
    found = await incident_of(engineer, service, "open")
    [detection] = found["detections"]
    assert found["severity"] == "critical"
    assert detection["detector"] == "alertmanager"
    assert detection["metric_type"] == f"Slow_{service}"
    assert detection["tags"] == {"instance": "web-1:9100"}
    assert detection["reason"] == "p99 is over 2 s"
    assert detection["onset"][:19] == first["startsAt"][:19]
    for _ in range(3):
        assert (await post(engineer, first)).status == 202
    grafana = alert(service, values={"B": 22.5, "C": 1}, silenceURL="x", valueString="y")
    assert (await post(engineer, grafana)).status == 202

    async def both() -> bool:
        now = await engineer.get(f"/api/incidents/{found['id']}")
        return {item["value"] for item in now["detections"]} == {1.0, 22.5}

    await eventually(both, "the second alert in the same incident")
    over = {"status": "resolved", "endsAt": datetime.now(UTC).isoformat()}
    assert (await post(engineer, first | over, grafana | over)).status == 202
    resolved = await incident_of(engineer, service, "resolved")
    assert (resolved["id"], len(resolved["detections"])) == (found["id"], 2)
    assert len((await engineer.get(f"/api/incidents?service={service}"))["items"]) == 1


async def test_bad_alerts_are_told_and_good_ones_taken(engineer: Client) -> None:
    service = f"s-{uuid4().hex[:8]}"
    nameless = alert(service, labels={"alertname": "Watchdog"})
    ahead = alert(service, startsAt=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    mixed = await post(engineer, nameless, alert(service), ahead)
    assert (mixed.status, mixed.body["accepted"]) == (202, 1)
    assert [one["index"] for one in mixed.body["rejected"]] == [0, 2]
    assert (await post(engineer, nameless)).status == 422
    odd = alert(service) | {"status": 1}
    bodies: list[dict[str, Any]] = [{}, {"alerts": []}, {"alerts": [1]}, {"alerts": [odd]}]
    for body in bodies:
        assert (await engineer.call("POST", PATH, json=body)).status == 422


async def test_an_ingest_token_speaks_for_its_services_alone(engineer: Client) -> None:
    service = f"s-{uuid4().hex[:8]}"
    given = {"name": "alerts", "services": [service]}
    token = (await engineer.call("POST", "/api/auth/ingest-tokens", json=given)).body["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert (await post(engineer, alert(service), headers=headers)).status == 202
    assert (await post(engineer, alert("other"), headers=headers)).status == 422


async def test_a_silence_mutes_what_fires(engineer: Client) -> None:
    service = f"s-{uuid4().hex[:8]}"
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    await engineer.call("POST", "/api/silences", json={"service": service, "ends_at": ends})

    async def muted() -> bool:
        return bool((await post(engineer, alert(service))).body["muted"])

    await eventually(muted, "the silence")


async def test_a_real_prometheus_and_alertmanager_tell_of_a_fault_and_its_end(
    engineer: Client, tmp_path: Path
) -> None:
    service = f"s-{uuid4().hex[:8]}"
    given = {"name": "alertmanager", "services": [service]}
    token = (await engineer.call("POST", "/api/auth/ingest-tokens", json=given)).body["token"]
    rule = {"alert": "Down", "expr": "vector(1)", "labels": {"service": service}}
    with (
        alertmanager(tmp_path, engineer.url(PATH), token) as manager,
        alerting_prometheus(tmp_path, manager.url, [rule]) as prometheus,
    ):
        found = await incident_of(engineer, service, "open")
        assert found["detections"][0]["metric_type"] == "Down"
        rules = tmp_path / "rules.yaml"
        text = rules.read_text(encoding="utf-8")
        rules.write_text(text.replace("vector(1)", "vector(1) > 1"), encoding="utf-8")
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{prometheus}/-/reload") as response:
                assert response.status == 200
        resolved = await incident_of(engineer, service, "resolved")
        assert resolved["id"] == found["id"]
        # Firing again after `resolved` is a new excursion, soon enough for the same incident.
        rules.write_text(text, encoding="utf-8")
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{prometheus}/-/reload") as response:
                assert response.status == 200
        again = await incident_of(engineer, service, "open")
    assert again["id"] == found["id"]
    assert [one["state"] for one in again["detections"]] == ["resolved", "firing"]
    assert again["detections"][0]["id"] != again["detections"][1]["id"]


async def test_incidents_are_alerts_of_a_real_alertmanager(
    world: World, servers: TestServers, tmp_path: Path
) -> None:
    with alertmanager(tmp_path, "http://127.0.0.1:9/", "x") as manager:
        await manager.ready()
        receiver = await world.receiver(manager.url, "alertmanager", secret="")
        async with notifying(settings_of(servers.database_url, tmp_path)):
            name = await world.opened(receiver.id, severity="critical", title="Down")

            async def there() -> dict[str, Any] | None:
                return next(iter(await manager.alerts()), None)

            found = await eventually(there, "the alert")
            assert found["labels"] == {"alertname": "LiveOpsIncident", "incident_id": name}
            assert found["annotations"]["severity"] == "critical"
            began = found["startsAt"]
            await world.change(name, severity="low")

            async def changed() -> bool:
                now = await manager.alerts()
                return bool(now) and now[0]["annotations"]["severity"] == "low"

            await eventually(changed, "the change")
            assert [(one["startsAt"]) for one in await manager.alerts()] == [began]
            await world.change(name, status="resolved")

            async def gone() -> bool:
                return await manager.alerts() == []

            await eventually(gone, "the end")
