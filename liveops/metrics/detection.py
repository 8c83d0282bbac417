"""Detectors, and the incidents that detections become."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from liveops.metrics.group import Group, preset
from schema.incidents import SEVERITIES

REGISTRY = Group()

DETECTIONS = Counter(
    "liveops_detections_total",
    "Detections published, by detector.",
    ["detector"],
    registry=REGISTRY,
)
SERIES = Gauge(
    "liveops_detector_series",
    "Series that the detectors of this worker know, by state: the gravest among a series' "
    "rules of `firing`, `no_data`, `ok`, and `learning` before any rule has judged it.",
    ["state"],
    registry=REGISTRY,
)
ALARMS_SILENCED = Gauge(
    "liveops_detector_alarms_silenced",
    "Alarms that fire and are not told because a silence mutes them.",
    registry=REGISTRY,
)
EVALUATION_SECONDS = Histogram(
    "liveops_detector_evaluation_seconds",
    "Time in which the rules judged and learned one record of windows.",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0),
    registry=REGISTRY,
)
SERIES_FORGOTTEN = Counter(
    "liveops_detector_series_forgotten_total",
    "Series the detectors forgot: `silent` for two weeks, `too_many` of a partition, or of a "
    "service that was `deleted`.",
    ["why"],
    registry=REGISTRY,
)
INCIDENTS = Counter(
    "liveops_incidents_total",
    "Incidents opened, by source.",
    ["source"],
    registry=REGISTRY,
)
INCIDENTS_ACTIVE = Gauge(
    "liveops_incidents_active",
    "Incidents in PostgreSQL that are not resolved, by severity; every copy says the same.",
    ["severity"],
    registry=REGISTRY,
)
EVENT_TO_DETECTED_SECONDS = Histogram(
    "liveops_event_to_detected_seconds",
    "Time from the broker's stamp on the revealing record to the incident.",
    buckets=(0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0),
    registry=REGISTRY,
)
MEMORY_RECALLED = Counter(
    "liveops_detector_memory_recalled_series_total",
    "Series of which rules that learn were given back what they knew, or their stored past.",
    registry=REGISTRY,
)
MEMORY_SAVED = Counter(
    "liveops_detector_memory_saved_series_total",
    "Series whose long memory was kept in PostgreSQL.",
    registry=REGISTRY,
)
FORECASTS = Counter(
    "liveops_forecasts_total",
    "Forecasts of forecast rules: made, or not possible from the stored windows.",
    ["result"],
    registry=REGISTRY,
)
FORECASTS_DUE = Gauge(
    "liveops_forecasts_due_series",
    "Series of forecast rules with a proved season whose forecast is due.",
    registry=REGISTRY,
)
preset(FORECASTS, ("made", "not_possible"))
preset(
    DETECTIONS,
    (
        "threshold",
        "zscore",
        "forecast",
        "no_data",
        "ensemble",
        "shape",
        "change",
        "ratio",
        "alertmanager",
    ),
)
preset(SERIES, ("learning", "ok", "firing", "no_data"))
preset(SERIES_FORGOTTEN, ("silent", "too_many", "deleted"))
preset(INCIDENTS, ("detector", "manual"))
preset(INCIDENTS_ACTIVE, SEVERITIES)
