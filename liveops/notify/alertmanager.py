"""Alertmanager's `/api/v2/alerts`: an incident is one alert, told by its id. Pure."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from liveops.notify.message import Notice, Request, headline, lines
from liveops.notify.receiver import Receiver
from schema.times import format_time

_PATH = "/api/v2/alerts"
#: An alert without an end is over after Alertmanager's `resolve_timeout`; an incident is not.
OPEN_FOR_S = 30 * 86_400.0


def request(receiver: Receiver, notice: Notice) -> Request:
    """The POST; a secret is a bearer token, or `user:password`.

    Labels tell the alert from others, so only what never changes is a label.
    """
    incident = notice.incident
    is_over = incident["status"] == "resolved"
    ends = incident["resolved_at"] if is_over else format_time(notice.sent_at_s + OPEN_FOR_S)
    alert: dict[str, Any] = {
        "labels": {"alertname": "LiveOpsIncident", "incident_id": incident["id"]},
        "annotations": {
            "summary": headline(notice),
            "description": "\n".join(lines(notice)),
            "severity": incident["severity"],
            "service": incident["service_name"],
            "status": incident["status"],
            "delivery_id": notice.delivery_id,
        },
        "startsAt": incident["detected_at"],
        "endsAt": ends,
    }
    if notice.link:
        alert["generatorURL"] = notice.link
    url = receiver.address.rstrip("/")
    return Request(
        url if url.endswith(_PATH) else url + _PATH, orjson.dumps([alert]), _headers(receiver)
    )


def _headers(receiver: Receiver) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if ":" in receiver.secret:
        pair = base64.b64encode(receiver.secret.encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    elif receiver.secret:
        headers["Authorization"] = f"Bearer {receiver.secret}"
    return headers
