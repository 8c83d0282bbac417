"""What every worker has: its loop, its background tasks, what it depends on."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from liveops.metrics.group import Group

REGISTRY = Group()
#: Of the workers that read streams.
STREAMS = Group()

LOOP_LAG_SECONDS = Histogram(
    "liveops_loop_lag_seconds",
    "How late the event loop wakes a sleeper: what a step that holds it costs others.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
    registry=REGISTRY,
)
BACKGROUND_RESTARTS = Counter(
    "liveops_background_restarts_total",
    "Times a background task failed and was started again, by task.",
    ["task"],
    registry=REGISTRY,
)
BAD_INTERNAL_RECORDS = Counter(
    "liveops_bad_internal_records_total",
    "Records of LiveOps' own topics, channels and tables that could not be read and were "
    "skipped, by where they were.",
    ["topic"],
    registry=REGISTRY,
)
COMPONENT_UP = Gauge(
    "liveops_component_up",
    "Whether a component of the worker's health was up when last looked at (1) or not, or not "
    "yet looked at (0); looked at every 5 s.",
    ["component"],
    registry=REGISTRY,
)
BREAKER_OPEN = Gauge(
    "liveops_breaker_open",
    "Whether a dependency has failed so often that it is left alone for a while (1) or not (0).",
    ["dependency"],
    registry=REGISTRY,
)
DEPENDENCY_FAILURES = Counter(
    "liveops_dependency_failures_total",
    "Uses of a dependency that failed because it was away, late or overloaded.",
    ["dependency"],
    registry=REGISTRY,
)
CONSUMER_LAG = Gauge(
    "consumer_lag_records",
    "Records between the committed offset and the end, of the partitions this worker reads.",
    ["group", "topic", "partition"],
    registry=STREAMS,
)
