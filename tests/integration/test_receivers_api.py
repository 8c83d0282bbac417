"""Receivers over HTTP and the command line, on a product that may call private addresses."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.client import Answer, Client, eventually
from tests.receiver_server import ReceiverServer, receiver_server
from tests.stack import TestStack, running_stack
from web.models.receivers import ReceiverAnswer, ReceiverPage

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def open_stack() -> Iterator[TestStack]:
    with running_stack(notify_allow_private=True) as running:
        yield running


@pytest.fixture
async def opener(open_stack: TestStack) -> AsyncIterator[Client]:
    async with Client.signed_in(open_stack, "engineer") as client:
        yield client


@pytest.fixture
async def server() -> AsyncIterator[ReceiverServer]:
    async with receiver_server() as running:
        yield running


def body(url: str = "https://example.com/hook", **more: Any) -> dict[str, Any]:
    return {"name": f"r-{uuid4()}", "kind": "webhook", "url": url, **more}


async def created(client: Client, **given: Any) -> Answer:
    answer = await client.call("POST", "/api/receivers", json=given)
    assert answer.status == 201, answer
    return answer


async def test_a_receiver_lives_its_life_and_never_tells_its_secret(engineer: Client) -> None:
    hours = {"from": "22:00", "to": "06:00", "days": [1, 5], "zone": "Europe/Berlin"}
    match = {"service": "pay*", "severities": ["high"], "hours": hours}
    given = body("https://192.0.32.7/hook", secret="hush", match=match, after_s=300)
    made = await created(engineer, **given)
    path = f"/api/receivers/{made.body['id']}"
    assert (made.headers["Location"], made.headers["ETag"]) == (path, '"1"')
    read = await engineer.get(path)
    assert read == made.body
    assert {name: read[name] for name in given if name != "secret"} == {
        name: value for name, value in given.items() if name != "secret"
    }
    assert "hush" not in str(read)
    assert read["has_secret"]
    ReceiverAnswer.model_validate(read, extra="forbid")
    page = await engineer.get("/api/receivers?limit=500")
    ReceiverPage.model_validate(page, extra="forbid")
    assert read in page["items"]
    assert "hush" not in str(page)
    without = {name: value for name, value in given.items() if name != "secret"}
    changed = await engineer.call(
        "PUT", path, json=without | {"after_s": 0}, headers={"If-Match": '"1"'}
    )
    assert (changed.status, changed.body["version"], changed.body["has_secret"]) == (200, 2, True)
    stale = await engineer.call("PUT", path, json=without, headers={"If-Match": '"1"'})
    assert stale.status == 412
    again = await engineer.call("POST", "/api/receivers", json=given)
    assert again.status == 409
    dropped = await engineer.call("PUT", path, json=without | {"secret": ""})
    assert not dropped.body["has_secret"]
    assert (await engineer.call("DELETE", path)).status == 204
    for method in ("GET", "DELETE"):
        assert (await engineer.call(method, path)).status == 404


@pytest.mark.parametrize(
    "given",
    [
        body("http://127.0.0.1:8080/"),
        body("http://localhost/"),
        body("http://[::1]/"),
        body("http://[::ffff:10.0.0.1]/"),
        body("http://2130706433/"),
        body("http://10.1.2.3/"),
        body("http://169.254.169.254/latest"),
        body("http://224.0.0.1/"),
        body("ftp://example.com/"),
        body("example.com"),
        body("http://"),
        body("http://user:pass@example.com/"),
        body("http://example.com:99999/"),
        body("https://example.com/{secret}", secret="x"),
        body(kind="smoke"),
        body(kind="pagerduty"),
        body("https://slack.com/api", kind="slack", secret="xoxb-1"),
        body("json://127.0.0.1/", kind="apprise"),
        body("file:///etc/passwd", kind="apprise"),
        body("mailto://u:p@127.0.0.1/", kind="apprise"),
        body("mailto://u:p@gmail.com?smtp=127.0.0.1", kind="apprise"),
        body("workflow://127.0.0.1:443/id/signature", kind="apprise"),
        body("tgram://nonsense", kind="apprise"),
        body(match={"severities": ["huge"]}),
        body(match={"hours": {"from": "9", "to": "10:00"}}),
        body(match={"hours": {"from": "09:00", "to": "10:00", "zone": "Mars/Base"}}),
        body(after_s=-1),
        body(more=1),
        {"name": "x"},
    ],
)
async def test_what_is_no_receiver_is_422(engineer: Client, given: dict[str, Any]) -> None:
    answer = await engineer.call("POST", "/api/receivers", json=given)
    assert answer.status == 422, answer


async def test_services_with_a_fixed_host_are_taken(engineer: Client) -> None:
    url = "tgram://{secret}/12345"
    token = "123456789:abcdefghijklmnopqrstuvwxyzabcdefghi"
    made = await created(engineer, **body(url, kind="apprise", secret=token))
    assert made.body["url"] == url
    assert token not in str(made.body)
    moved = body("tgram://{secret}/666", kind="apprise")
    answer = await engineer.call("PUT", f"/api/receivers/{made.body['id']}", json=moved)
    assert answer.status == 422  # a stored secret does not go elsewhere
    pager = await created(engineer, **{"name": str(uuid4()), "kind": "pagerduty", "secret": "k"})
    assert pager.body["url"].startswith("https://events.pagerduty.com/")


async def test_managers_have_no_business_here(manager: Client) -> None:
    for method, path in (("GET", ""), ("POST", ""), ("POST", f"/{uuid4()}/test")):
        answer = await manager.call(method, f"/api/receivers{path}", json={})
        assert answer.status == 403


async def test_an_incident_goes_its_way_to_a_webhook(
    opener: Client, server: ReceiverServer
) -> None:
    service = f"s-{uuid4().hex[:8]}"
    made = await created(opener, **body(server.url, secret="k", match={"service": service}))
    trial = await opener.call("POST", f"/api/receivers/{made.body['id']}/test")
    assert trial.body == {"delivered": True, "detail": "delivered"}
    incident = await opener.call(
        "POST",
        "/api/incidents",
        json={"title": "It is slow", "severity": "high", "service_name": service},
    )
    await server.until(2)
    path = f"/api/incidents/{incident.body['id']}"
    await opener.call("PATCH", path, json={"severity": "critical"})
    await server.until(3)
    await opener.call("PATCH", path, json={"status": "resolved"})
    last = (await server.until(4))[-1].body
    assert [one.body["event"] for one in server.received[1:]] == ["opened", "changed", "resolved"]
    shown = await opener.get(path)
    del shown["links"]  # of the service, for its page
    assert last["incident"] == shown

    async def on_the_timeline() -> bool:
        events = (await opener.get(f"{path}/timeline"))["items"]
        told = [one["data"]["event"] for one in events if one["kind"] == "notified"]
        return told == ["opened", "changed", "resolved"]

    await eventually(on_the_timeline, "the timeline")


async def test_a_failed_trial_is_seen(opener: Client) -> None:
    made = await created(opener, **body("http://127.0.0.1:9/"))
    path = f"/api/receivers/{made.body['id']}"
    trial = await opener.call("POST", path + "/test")
    assert (trial.status, trial.body["delivered"]) == (200, False)
    read = await opener.get(path)
    assert read["failing"]
    assert read["last_failure"]["detail"] == trial.body["detail"]
    command = [sys.executable, "-m", "liveops", "notify", "test", made.body["name"]]
    environment = {**os.environ, "LIVEOPS_NOTIFY_ALLOW_PRIVATE": "true"}
    command += ["--data-dir", str(opener.stack.data_dir)]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, trial.body["detail"] in done.stderr) == (1, True), done


async def test_mail_goes_to_a_real_mail_server(opener: Client) -> None:
    from aiosmtpd.controller import Controller

    mails: list[Any] = []
    came = threading.Event()

    class Keep:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
            mails.append(envelope)
            came.set()
            return "250 OK"

    controller = Controller(Keep(), hostname="127.0.0.1", port=0)
    controller.port = _free_port()
    controller.start()
    try:
        service = f"s-{uuid4().hex[:8]}"
        url = f"mailto://127.0.0.1:{controller.port}/?from=ops@example.com&to=kim@example.com"
        await created(opener, **body(url, kind="apprise", match={"service": service}))
        made = await opener.call(
            "POST",
            "/api/incidents",
            json={"title": "Ärger", "severity": "high", "service_name": service},
        )
        assert made.status == 201
        assert await asyncio.to_thread(came.wait, 30)
    finally:
        controller.stop()
    assert mails[0].rcpt_tos == ["kim@example.com"]


def _free_port() -> int:
    from liveops.embedded.ports import PortBook

    return PortBook("127.0.0.1").choose("smtp", 0)
