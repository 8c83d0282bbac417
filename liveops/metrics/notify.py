"""Notifications: what was told to whom."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from liveops.metrics.group import Group, preset

REGISTRY = Group()

NOTIFICATIONS = Counter(
    "liveops_notifications_total",
    "Tries to tell a receiver of an incident, by what became of them: `delivered`, `retried` "
    "(to be tried again) or `failed` (given up).",
    ["result"],
    registry=REGISTRY,
)
NOTIFICATIONS_WAITING = Gauge(
    "liveops_notifications_waiting",
    "Notifications in PostgreSQL that are due and have not been delivered; every copy says "
    "the same.",
    registry=REGISTRY,
)
NOTIFICATION_SECONDS = Histogram(
    "liveops_notification_seconds",
    "Time from when a notification was due until the receiver had taken it.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0),
    registry=REGISTRY,
)
RECEIVERS_FAILING = Gauge(
    "liveops_receivers_failing",
    "Receivers whose last notification was not delivered; every copy says the same.",
    registry=REGISTRY,
)
preset(NOTIFICATIONS, ("delivered", "retried", "failed"))
