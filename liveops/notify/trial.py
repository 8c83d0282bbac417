"""A message that shows whether a receiver can be told. Pure."""

from __future__ import annotations

from typing import Any

from liveops.notify.message import Notice, delivery_id
from liveops.notify.receiver import Receiver
from schema.incidents import Incident, public_incident


def trial_notices(receiver: Receiver, trial_id: str, now_s: float, link: str = "") -> list[Notice]:
    """What a trial sends: an incident of no service that opens and, where alerts stay, resolves.

    `trial_id` names the made-up incident.
    """
    incident = Incident(
        id=trial_id,
        title=f"Test of receiver {receiver.name}",
        description="Somebody tries whether this receiver can be told. Nothing is wrong.",
        severity="low",
        status="open",
        service_name="liveops",
        affected_services=["liveops"],
        detected_at_s=now_s,
        source="manual",
    )
    found = [_notice(receiver, "opened", public_incident(incident), now_s, link)]
    if receiver.kind in ("pagerduty", "alertmanager"):
        incident.status, incident.resolved_at_s, incident.version = "resolved", now_s + 1.0, 2
        found.append(_notice(receiver, "resolved", public_incident(incident), now_s + 1.0, link))
    return found


def _notice(
    receiver: Receiver, event: str, incident: dict[str, Any], now_s: float, link: str
) -> Notice:
    made = delivery_id(receiver.id, incident["id"], incident["version"])
    return Notice(made, event, incident, now_s, link)
