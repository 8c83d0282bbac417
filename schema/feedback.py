"""What people say of incidents and their analyses, and the changes that others tell of."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from schema.times import format_time

FeedbackVerdict = Literal["right", "wrong", "not_an_incident"]
ChangeKind = Literal["deploy", "change", "maintenance", "other"]


class Feedback(Struct, frozen=True, kw_only=True):
    """A person's verdict; `analysis_id` is the analysis there was then, if any."""

    id: str
    incident_id: str
    analysis_id: str | None
    verdict: FeedbackVerdict
    true_cause: str | None
    comment: str | None
    created_by: str
    created_at_s: float


class ChangeEvent(Struct, frozen=True, kw_only=True):
    """A deploy or another change of a service at a time (epoch seconds)."""

    id: str
    service_name: str
    kind: ChangeKind
    title: str
    at_s: float
    url: str | None
    tags: dict[str, str]
    created_by: str


def public_feedback(feedback: Feedback) -> dict[str, Any]:
    """JSON form of HTTP answers."""
    return {
        "id": feedback.id,
        "incident_id": feedback.incident_id,
        "analysis_id": feedback.analysis_id,
        "verdict": feedback.verdict,
        "true_cause": feedback.true_cause,
        "comment": feedback.comment,
        "created_by": feedback.created_by,
        "created_at": format_time(feedback.created_at_s),
    }


def public_change(event: ChangeEvent) -> dict[str, Any]:
    """JSON form of HTTP answers."""
    return {
        "id": event.id,
        "service_name": event.service_name,
        "kind": event.kind,
        "title": event.title,
        "at": format_time(event.at_s),
        "url": event.url,
        "tags": event.tags,
        "created_by": event.created_by,
    }
