"""PagerDuty Events v2: one alert an incident, by its id. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from liveops.notify.message import Notice, Request, lines
from liveops.notify.receiver import Receiver

_ACTIONS = {"acknowledged": "acknowledge", "resolved": "resolve"}
_SEVERITIES = {"critical": "critical", "high": "error", "medium": "warning", "low": "info"}
_SUMMARY_CHARS = 1024


def request(receiver: Receiver, notice: Notice) -> Request:
    """trigger, acknowledge or resolve; the secret is the routing key."""
    incident = notice.incident
    body: dict[str, Any] = {
        "routing_key": receiver.secret,
        "event_action": _ACTIONS.get(notice.event, "trigger"),
        "dedup_key": incident["id"],
        "client": "LiveOps AI",
        "payload": {
            "summary": f"{incident['service_name']}: {incident['title']}"[:_SUMMARY_CHARS],
            "source": incident["service_name"],
            "severity": _SEVERITIES[incident["severity"]],
            "timestamp": incident["detected_at"],
            "component": incident["service_name"],
            "custom_details": {
                "about": lines(notice),
                "affected_services": incident["affected_services"][:100],
                "delivery_id": notice.delivery_id,
            },
        },
    }
    if notice.link:
        body["links"] = [{"href": notice.link, "text": "Incident"}]
    return Request(receiver.address, orjson.dumps(body), {"Content-Type": "application/json"})
