"""What the ways in have in hand, and what they refuse for it."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from liveops.metrics.group import Group

REGISTRY = Group()

HELD_REQUESTS = Gauge(
    "liveops_ingest_held_requests",
    "Requests of POST /api/metrics, remote write and OTLP that are being answered.",
    registry=REGISTRY,
)
HELD_BYTES = Gauge(
    "liveops_ingest_held_bytes",
    "Bytes of their bodies, as sent and as decompressed.",
    registry=REGISTRY,
)
REFUSED = Counter(
    "liveops_ingest_refused_total",
    "Requests that were not taken for want of room (`requests`, `bytes`: 429, remote write 503), "
    "because the broker was away (`broker_away`: 503) or because their body did not arrive in time "
    "(`slow`: 408), by way in and reason.",
    ["way", "reason"],
    registry=REGISTRY,
)
for _way in ("metrics", "remote_write", "otlp"):
    for _reason in ("requests", "bytes", "broker_away", "slow"):
        REFUSED.labels(_way, _reason)
