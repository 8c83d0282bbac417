"""The draft of a post-mortem in Markdown: what is known, in the order in which one is written.

Free text of people is escaped: it cannot become a heading, a link or markup.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from liveops.rca.actions import in_words, stated
from schema.analysis import Analysis
from schema.incidents import Incident
from schema.times import format_time

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~])")
_LINES = re.compile(r"\s*[\r\n]+\s*")
_CITES = re.compile(r"\\\[(E\d{1,4})\\\]")
#: Timeline entries that follow every automatic change; the others tell the story.
_TOLD = ("status", "severity", "assignee", "title", "affected_services")


def draft(incident: Incident, events: Sequence[dict[str, Any]], analysis: Analysis | None) -> str:
    """Markdown; `events` are the timeline's in their order, times RFC 3339 in UTC."""
    parts = [
        f"# {_plain(incident.title)}",
        _facts(incident),
        "## Impact",
        _impact(incident, analysis),
    ]
    parts += ["## Timeline", _timeline(incident, events)]
    if analysis is not None:
        parts += ["## Cause", _cause(analysis)]
        if analysis.evidence:
            facts = [f"- **{item.id}** {_plain(item.text)}" for item in analysis.evidence]
            parts += ["## Evidence", "\n".join(facts)]
    parts += ["## Actions", _actions(analysis)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _plain(text: str) -> str:
    """Text on one line that Markdown takes for nothing else; citations stay."""
    return _CITES.sub(r"[\1]", _SPECIAL.sub(r"\\\1", _LINES.sub(" ", text.strip())))


def _facts(incident: Incident) -> str:
    lines = [
        f"- Severity: {incident.severity}",
        f"- Status: {incident.status}",
        f"- Detected: {format_time(incident.detected_at_s)}",
    ]
    for name, time_s in (
        ("Acknowledged", incident.acknowledged_at_s),
        ("Resolved", incident.resolved_at_s),
    ):
        if time_s is not None:
            minutes = (time_s - incident.detected_at_s) / 60.0
            lines.append(f"- {name}: {format_time(time_s)}, {minutes:.0f} min after its detection")
    lines.append(f"- Assignee: {_plain(incident.assignee) if incident.assignee else 'nobody'}")
    return "\n".join(lines)


def _impact(incident: Incident, analysis: Analysis | None) -> str:
    services = ", ".join(_plain(name) for name in incident.affected_services)
    told = _plain(analysis.executive_summary) if analysis is not None else ""
    return "\n\n".join(part for part in (told, f"Affected services: {services}") if part)


def _timeline(incident: Incident, events: Sequence[dict[str, Any]]) -> str:
    rows = ["| time (UTC) | who | what |", "|---|---|---|"]
    onset_s = min((one.onset_s for one in incident.detections), default=None)
    if onset_s is not None:
        rows.append(f"| {format_time(onset_s)} | – | first sign in the data |")
    rows += [
        f"| {event['at']} | {_plain(str(event['actor']))} | {_event(event)} |" for event in events
    ]
    return "\n".join(rows)


def _event(event: dict[str, Any]) -> str:
    data = event["data"] if isinstance(event["data"], dict) else {}
    if isinstance(data.get("text"), str):
        return f"{event['kind']}: {_plain(data['text'])}"
    told = [f"{name} {_plain(_value(data[name]))}" for name in _TOLD if name in data]
    return ", ".join([_plain(str(event["kind"])), *told])


def _value(told: Any) -> str:
    if isinstance(told, list):
        return ", ".join(map(str, told))
    return str(told)


def _cause(analysis: Analysis) -> str:
    if analysis.verdict != "cause_found" or not analysis.root_cause_service:
        head = f"Inconclusive (confidence {analysis.confidence:.0%})."
    else:
        name = _plain(analysis.root_cause_service)
        head = f"**{name}** (confidence {analysis.confidence:.0%})."
    return "\n\n".join(
        part
        for part in (head, _plain(analysis.root_cause), _plain(analysis.technical_summary))
        if part
    )


def _actions(analysis: Analysis | None) -> str:
    if analysis is None:
        told = []
    elif analysis.actions:
        told = [f"{_plain(stated(one))} {in_words(one)}" for one in analysis.actions]
    else:
        told = [_plain(text) for text in analysis.suggested_actions]
    return "\n".join(f"- [ ] {text}" for text in told) or "- [ ] none suggested"
