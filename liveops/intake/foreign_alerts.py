"""Alerts of other systems, in the form of Alertmanager's webhook, as detections. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from liveops.intake.mapping import legal_metric, legal_tags, legal_text, no_service, service_of
from schema.ids import derived_id, detection_id
from schema.incidents import Detection, Severity
from schema.metric_fault import MetricFault

DETECTOR = "alertmanager"
#: What others call severities; anything else is medium.
SEVERITY_OF: Mapping[str, Severity] = {
    "critical": "critical", "page": "critical", "fatal": "critical", "emergency": "critical",
    "p1": "critical", "sev1": "critical",
    "high": "high", "error": "high", "major": "high", "p2": "high", "sev2": "high",
    "medium": "medium", "warning": "medium", "warn": "medium", "minor": "medium",
    "low": "low", "info": "low", "informational": "low", "none": "low",
}  # fmt: skip
_NAME, _SEVERITY = "alertname", "severity"
#: Annotations that say why, the first that is there.
_REASONS = ("summary", "description", "message")
_REASON_CHARS = 500
_AHEAD_S = 600.0


@dataclass(frozen=True, slots=True)
class ForeignAlert:
    """One alert as it was sent; times are epoch seconds, `ends_s` None while it fires."""

    status: Literal["firing", "resolved"]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_s: float
    ends_s: float | None
    fingerprint: str
    values: Mapping[str, Any]


def detection_of(
    alert: ForeignAlert, service_labels: Sequence[str], now_s: float
) -> Detection | MetricFault:
    """The detection; the same alert gives the same id however often it is sent."""
    found = service_of(alert.labels, service_labels)
    if found is None:
        return no_service(service_labels)
    if alert.starts_s > now_s + _AHEAD_S:
        return MetricFault(["startsAt"], "over 10 minutes in the future", "future")
    service, others = found
    name = alert.labels.get(_NAME, "")
    resolved = alert.status == "resolved"
    onset_s = min(alert.starts_s, now_s)
    ends_s = max(onset_s, min(alert.ends_s or now_s, now_s))
    fingerprint = alert.fingerprint or derived_id(*sorted(alert.labels.items()))
    tags = {key: text for key, text in others.items() if key not in (_NAME, _SEVERITY)}
    return Detection(
        id=detection_id(DETECTOR, service, fingerprint, alert.starts_s),
        rule_id=derived_id("rule", DETECTOR),
        detector=DETECTOR,
        service_name=service,
        metric_type=legal_metric(name) if name else "alert",
        tags=legal_tags(tags),
        window="1m",
        severity=SEVERITY_OF.get(alert.labels.get(_SEVERITY, "").lower(), "medium"),
        value=_value(alert.values),
        expected=None,
        lower=None,
        upper=None,
        score=1.0,
        reason=_reason(alert, name),
        at_s=ends_s if resolved else onset_s,
        onset_s=onset_s,
        broker_time_s=now_s,
        state="resolved" if resolved else "firing",
    )


def _value(values: Mapping[str, Any]) -> float:
    """The first number that Grafana sends beside the alert; 1 of those that have none."""
    for value in values.values():
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    return 1.0


def _reason(alert: ForeignAlert, name: str) -> str:
    for key in _REASONS:
        text = " ".join(alert.annotations.get(key, "").replace("\x00", " ").split())
        if text:
            return text[:_REASON_CHARS]
    return f"{legal_text(name) or 'an alert'} fires"
