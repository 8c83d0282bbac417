"""How the correlator's word and a person's come together in one incident. Pure.

What a person has changed since the correlator last spoke stays as they left it.
"""

from __future__ import annotations

from typing import Any

from liveops.incidents.state import EDITABLE, Command
from schema.incidents import Incident
from schema.times import to_datetime

#: Fields only the correlator writes.
_OURS = (
    "service_name",
    "fingerprint",
    "detections",
    "detections_dropped",
    "stale",
    "offsets",
)


def opened(command: Command, now_s: float) -> Incident:
    """The incident that a command opens at `now_s`, wall clock."""
    seen_s = min(detection.broker_time_s for detection in command.values["detections"])
    return Incident(
        id=command.incident_id,
        status="open",
        # In whole microseconds: what is told at once is the time that is stored.
        detected_at_s=to_datetime(now_s).timestamp(),
        event_to_detected_ms=max(0.0, (now_s - seen_s) * 1000),
        **command.values,
    )


def changes(old: Incident, command: Command) -> dict[str, Any]:
    """What a command changes in an incident: fields with their new values."""
    values = {name: command.values[name] for name in _OURS if name in command.values}
    for name in EDITABLE:
        if name in command.values and getattr(old, name) == command.before.get(name):
            values[name] = command.values[name]
    if command.note:
        values["description"] = f"{old.description}\n{command.note}".strip()
    if command.status == "resolved" and old.status != "resolved":
        values |= {"status": "resolved", "stale": False}
    elif command.status == "open" and old.status == "resolved":
        values["status"] = "open"
    return values
