"""Every Redis key and channel, once. No command touches two keys."""

from __future__ import annotations

#: Sorted set: service name → event time of its newest metric (epoch seconds).
SERVICES = "services:seen"
#: List of ids of incidents that are not resolved, newest first.
INCIDENTS_ACTIVE = "incidents:active"

#: Prefix of the counters of failed sign-ins (liveops/security/throttle.py).
LOGIN_PREFIX = "login"

LIVE_METRICS_CHANNEL = "metrics:live"
LIVE_INCIDENTS_CHANNEL = "incidents:live"
LIVE_ANALYSIS_CHANNEL = "analysis:live"


def live(service: str) -> str:
    """List of the service's last 100 metrics, newest first."""
    return f"metrics:live:{service}"


def aggregates(service: str, window: str) -> str:
    """Hash: series → newest window as the record of it on Kafka."""
    return f"metrics:agg:{service}:{window}"


def closed(service: str, window: str) -> str:
    """Sorted set of JSON lists of recently closed windows' records, by their start."""
    return f"metrics:closed:{service}:{window}"


def analysis(incident_id: str) -> str:
    """The incident's newest analysis as JSON."""
    return f"analysis:{incident_id}"


def standings(service: str) -> str:
    """How the service's series stand with the rules, as a JSON list."""
    return f"detectors:{service}"
