"""PostgreSQL, Redis and the outbox, as a worker uses them."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from liveops.metrics.group import FAST_S, Group, preset
from schema.topics import ANALYSIS_COMPLETED, CONFIG, INCIDENTS_DETECTED, INCIDENTS_UPDATED

POSTGRES = Group()
REDIS = Group()
OUTBOX = Group()

POSTGRES_CONNECTIONS = Gauge(
    "liveops_postgres_connections",
    "Connections of the pool to PostgreSQL, by state: `used` or `idle`.",
    ["state"],
    registry=POSTGRES,
)
POSTGRES_CONNECTIONS_LIMIT = Gauge(
    "liveops_postgres_connections_limit",
    "Most connections that the pool to PostgreSQL may have.",
    registry=POSTGRES,
)
POSTGRES_WAIT_SECONDS = Histogram(
    "liveops_postgres_wait_seconds",
    "Time until the pool gave a connection; long when all are in use.",
    buckets=FAST_S,
    registry=POSTGRES,
)
preset(POSTGRES_CONNECTIONS, ("used", "idle"))
REDIS_CONNECTIONS = Gauge(
    "liveops_redis_connections",
    "Connections of the pool to Redis for commands, by state: `used` or `idle`.",
    ["state"],
    registry=REDIS,
)
REDIS_SECONDS = Histogram(
    "liveops_redis_seconds",
    "Time of one use of Redis, a command or a pipeline, also of one that failed.",
    buckets=FAST_S,
    registry=REDIS,
)
preset(REDIS_CONNECTIONS, ("used", "idle"))
OUTBOX_WAITING = Gauge(
    "liveops_outbox_waiting",
    "Events in the outbox that had not left when this worker, as the relay, last looked; "
    "500 or more are 500.",
    registry=OUTBOX,
)
OUTBOX_REFUSED = Counter(
    "liveops_outbox_refused_total",
    "Events that the broker will never take, set aside in the table `outbox`, by topic.",
    ["topic"],
    registry=OUTBOX,
)
preset(OUTBOX_REFUSED, (INCIDENTS_DETECTED, INCIDENTS_UPDATED, ANALYSIS_COMPLETED, CONFIG))
