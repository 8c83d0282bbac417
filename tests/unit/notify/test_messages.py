"""Signature, retries, digests, and what each kind of receiver is sent."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from liveops.notify import alertmanager, pagerduty, slack, webhook
from liveops.notify.apprise_urls import BadUrl, plugin_of
from liveops.notify.digest import DIGEST_OF, PER_MINUTE, digest_of, room
from liveops.notify.message import Notice, delivery_id
from liveops.notify.receiver import Kind, Receiver
from liveops.notify.retrying import GIVE_UP_AFTER_S, is_over, pause_s
from schema.incidents import Incident, public_incident


def notice(event: str = "opened", **more: Any) -> Notice:
    values: dict[str, Any] = {
        "id": "11111111-1111-4111-8111-111111111111", "title": "Slow", "description": "why",
        "severity": "high", "status": "open", "service_name": "a", "affected_services": ["a", "b"],
        "detected_at_s": 1_000.0,
    }  # fmt: skip
    incident = public_incident(Incident(**(values | more)))
    return Notice("d", event, incident, 1_700_000_000.25, "https://ops.example.com/#/incidents/1")


def receiver(kind: Kind, secret: str = "hush", url: str = "https://example.com/x") -> Receiver:  # noqa: S107 - of a test
    return Receiver("r", "r", kind, url, secret=secret)


def test_a_webhook_is_signed_as_the_contract_says() -> None:
    made = webhook.request(receiver("webhook"), notice())
    signed = hmac.new(b"hush", b"1700000000." + made.body, hashlib.sha256).hexdigest()
    assert made.headers["X-LiveOps-Signature"] == f"t=1700000000,v1={signed}"
    body = json.loads(made.body)
    assert list(body) == ["version", "event", "delivery_id", "sent_at", "incident"]
    assert (body["version"], body["event"], body["sent_at"]) == (
        1, "opened", "2023-11-14T22:13:20.250000Z",
    )  # fmt: skip
    assert "X-LiveOps-Signature" not in webhook.request(receiver("webhook", ""), notice()).headers


def test_a_delivery_id_belongs_to_receiver_incident_and_version() -> None:
    ids = {delivery_id(*parts) for parts in (("a", "b", 1), ("a", "b", 2), ("b", "a", 1))}
    assert len(ids) == 3
    assert delivery_id("a", "b", 1) in ids


def test_an_alert_keeps_its_labels_and_start() -> None:
    [opened] = json.loads(alertmanager.request(receiver("alertmanager"), notice()).body)
    gone = notice("resolved", status="resolved", severity="low", resolved_at_s=2_000.0)
    made = alertmanager.request(receiver("alertmanager", "u:p"), gone)
    [resolved] = json.loads(made.body)
    assert made.url == "https://example.com/x/api/v2/alerts"
    assert made.headers["Authorization"] == "Basic dTpw"
    assert (opened["labels"], opened["startsAt"]) == (resolved["labels"], resolved["startsAt"])
    assert opened["endsAt"] > "2023-12"
    assert resolved["endsAt"] == "1970-01-01T00:33:20Z"


@pytest.mark.parametrize(
    ("event", "action"),
    [("opened", "trigger"), ("changed", "trigger"), ("reopened", "trigger"),
     ("acknowledged", "acknowledge"), ("resolved", "resolve")],
)  # fmt: skip
def test_pagerduty_is_told_an_action(event: str, action: str) -> None:
    body = json.loads(pagerduty.request(receiver("pagerduty"), notice(event)).body)
    assert (body["event_action"], body["dedup_key"]) == (action, notice().incident["id"])
    assert body["payload"]["severity"] == "error"


def test_slack_takes_titles_as_text_and_long_ones_cut() -> None:
    made = slack.request(receiver("slack", ""), notice(title="<!here> & " + "x" * 5000))
    body = json.loads(made.body)
    assert "<!here>" not in body["text"]
    assert len(body["blocks"][0]["text"]["text"]) <= 150
    assert all(len(block["text"]["text"]) <= 3000 for block in body["blocks"])


def test_retries_grow_obey_and_end() -> None:
    pauses = [pause_s(attempt, None, 0.999) for attempt in range(1, 40)]
    assert pauses == sorted(pauses)
    assert pauses[-1] <= 300
    assert pause_s(1, 60.0, 0.0) == 60.0
    assert pause_s(1, 1e9, 0.0) == GIVE_UP_AFTER_S
    assert is_over(GIVE_UP_AFTER_S - 1, 2)
    assert not is_over(0.0, 1.0)


@pytest.mark.parametrize(
    ("sent", "in_hand", "waiting", "found"),
    [
        (0, 0, 3, (3, False)),
        (0, 0, 300, (DIGEST_OF, True)),
        (PER_MINUTE - 1, 0, 2, (DIGEST_OF, True)),
        (PER_MINUTE - 1, 1, 2, (0, False)),
        (0, 0, 0, (0, False)),
    ],
)
def test_a_flood_becomes_a_digest(
    sent: int, in_hand: int, waiting: int, found: tuple[int, bool]
) -> None:
    assert room(sent, in_hand, waiting) == found


def test_a_digest_names_the_gravest_first() -> None:
    many = [notice(severity="low", title=f"low {n}") for n in range(30)]
    made = digest_of([*many, notice(severity="critical", title="grave")])
    assert "31 opened" in made.title
    assert "grave" in made.lines[0]
    assert made.lines[-1] == "… and 11 more"


@pytest.mark.parametrize(
    "url",
    ["json://example.com", "file:///etc/passwd", "exec://x", "ntfy://example.com/x", "http://x",
     "workflow://169.254.169.254/w/s", "workflow://x.logic.azure.com.evil.example/w/s", "tgram://",
     "slack://T/a/b", "", "mailto"],
)  # fmt: skip
def test_only_services_with_a_fixed_host_and_mail_are_taken(url: str) -> None:
    with pytest.raises(BadUrl) as caught:
        plugin_of(url)
    assert not url or url not in str(caught.value)
