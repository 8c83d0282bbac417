"""Requests to a worker and the sockets it holds open."""

from __future__ import annotations

from prometheus_client import Gauge, Histogram

from liveops.metrics.group import FAST_S, Group

REGISTRY = Group()
#: Of the workers that have live streams.
LIVE = Group()

REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds",
    "Time from the head of a request to its answer, by route template and status; WebSockets "
    "are counted by liveops_websockets once they are open.",
    ["method", "route", "status"],
    buckets=FAST_S,
    registry=REGISTRY,
)
WEBSOCKETS = Gauge(
    "liveops_websockets",
    "Open WebSocket connections, by stream.",
    ["stream"],
    registry=LIVE,
)
