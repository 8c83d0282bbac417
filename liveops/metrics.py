"""Every Prometheus metric of LiveOps, declared once, with prose."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import CollectorRegistry

REGISTRY = CollectorRegistry()

_FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

HTTP_REQUESTS = Counter(
    "liveops_http_requests_total",
    "HTTP requests answered, by route pattern and status.",
    ["method", "route", "status"],
    registry=REGISTRY,
)
HTTP_SECONDS = Histogram(
    "liveops_http_request_seconds",
    "Time from the first byte of a request to its answer.",
    ["method", "route"],
    buckets=_FAST_S,
    registry=REGISTRY,
)
METRICS_ACCEPTED = Counter(
    "liveops_metrics_accepted_total",
    "Metrics acknowledged by the broker on behalf of a client.",
    registry=REGISTRY,
)
RECORDS_READ = Counter(
    "liveops_records_read_total",
    "Records read from Kafka by the window agent, by topic; repeats included.",
    ["topic"],
    registry=REGISTRY,
)
CONSUMER_LAG = Gauge(
    "liveops_consumer_lag",
    "Records between the committed offset and the end, by topic and partition.",
    ["topic", "partition"],
    registry=REGISTRY,
)
WATERMARK_DELAY_SECONDS = Gauge(
    "liveops_watermark_delay_seconds",
    "How far the slowest live service's watermark is behind the wall clock.",
    registry=REGISTRY,
)
EMISSION_DELAY_SECONDS = Histogram(
    "liveops_emission_delay_seconds",
    "Age of the newest value in an open window when the window is sent.",
    buckets=(0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 15.0, 60.0),
    registry=REGISTRY,
)
LOOP_LAG_SECONDS = Histogram(
    "liveops_loop_lag_seconds",
    "How late the event loop wakes a sleeper: what a step that holds it costs others.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
    registry=REGISTRY,
)
OUTPUTS_RESENT = Counter(
    "liveops_outputs_resent_total",
    "Finished windows found unsent in the recovered state and sent again.",
    registry=REGISTRY,
)
METRICS_FOLDED = Counter(
    "liveops_metrics_folded_total",
    "Metrics taken into windows.",
    registry=REGISTRY,
)
METRICS_LATE = Counter(
    "liveops_metrics_late_total",
    "Metrics that came after their minute had closed, by what became of them: "
    "`corrected` in the stream, `archived` for recomputation.",
    ["outcome"],
    registry=REGISTRY,
)
DUPLICATES_SKIPPED = Counter(
    "liveops_duplicates_skipped_total",
    "Records or metrics seen before and not counted again, by kind.",
    ["kind"],
    registry=REGISTRY,
)
FORWARDED = Counter(
    "liveops_records_forwarded_total",
    "Records on another service's partition, forwarded to the right one.",
    registry=REGISTRY,
)
DEAD_LETTERS = Counter(
    "liveops_dead_letters_total",
    "Bad inputs by reason; most are set aside on metrics.deadletter, one by one.",
    ["reason"],
    registry=REGISTRY,
)
DEAD_LETTERS_CUT = Counter(
    "liveops_dead_letters_cut_total",
    "Bad inputs that are not on metrics.deadletter because too many came at once.",
    registry=REGISTRY,
)
TOMBSTONES = Counter(
    "liveops_tombstones_total",
    "Records without a value on metrics.raw; counted and ignored.",
    registry=REGISTRY,
)
OVERFLOWED = Counter(
    "liveops_series_overflow_total",
    "Metrics counted in overflow series, because there were too many series, and services "
    "taken for liveops_overflow/<partition>, once a slice, because there were too many of them.",
    ["kind"],
    registry=REGISTRY,
)
READERS_SILENT = Counter(
    "liveops_silent_readers_total",
    "Times the reader of another partition said nothing for 30 s, so that no window waits "
    "for it any more; what it hands on later corrects windows.",
    registry=REGISTRY,
)
WINDOWS_EMITTED = Counter(
    "liveops_windows_emitted_total",
    "Windows sent on, by state: `closed` or `open`.",
    ["state"],
    registry=REGISTRY,
)
CHECKPOINT_SECONDS = Histogram(
    "liveops_checkpoint_seconds",
    "Time to write changed window state and have it acknowledged.",
    buckets=_FAST_S,
    registry=REGISTRY,
)
ARCHIVED_ROWS = Counter(
    "liveops_archived_rows_total",
    "Rows written to PostgreSQL by the archive, by table.",
    ["table"],
    registry=REGISTRY,
)
ARCHIVE_EXPIRED = Counter(
    "liveops_archive_expired_total",
    "Rows not written by the archive because their day is past the retention, by table.",
    ["table"],
    registry=REGISTRY,
)
BAD_INTERNAL_RECORDS = Counter(
    "liveops_bad_internal_records_total",
    "Records of LiveOps' own topics that could not be read and were skipped, by topic.",
    ["topic"],
    registry=REGISTRY,
)
BACKGROUND_RESTARTS = Counter(
    "liveops_background_restarts_total",
    "Times a background task failed and was started again, by task.",
    ["task"],
    registry=REGISTRY,
)
DETECTIONS = Counter(
    "liveops_detections_total",
    "Detections published, by detector.",
    ["detector"],
    registry=REGISTRY,
)
SERIES_WATCHED = Gauge(
    "liveops_detector_series",
    "Series that the detectors of this worker know.",
    registry=REGISTRY,
)
SERIES_FORGOTTEN = Counter(
    "liveops_detector_series_forgotten_total",
    "Series the detectors forgot: `silent` for two weeks, or `too_many` of a partition.",
    ["why"],
    registry=REGISTRY,
)
INCIDENTS = Counter(
    "liveops_incidents_total",
    "Incidents opened, by source.",
    ["source"],
    registry=REGISTRY,
)
EVENT_TO_DETECTED_SECONDS = Histogram(
    "liveops_event_to_detected_seconds",
    "Time from the broker's stamp on the revealing record to the incident.",
    buckets=(0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0),
    registry=REGISTRY,
)
OUTBOX_REFUSED = Counter(
    "liveops_outbox_refused_total",
    "Events that the broker will never take, set aside in the table `outbox`, by topic.",
    ["topic"],
    registry=REGISTRY,
)
ANALYSES = Counter(
    "liveops_analyses_total",
    "Analyses completed, by source (llm, fallback).",
    ["source"],
    registry=REGISTRY,
)
WEBSOCKETS = Gauge(
    "liveops_websockets",
    "Open WebSocket connections, by stream.",
    ["stream"],
    registry=REGISTRY,
)
COMPONENT_UP = Gauge(
    "liveops_component_up",
    "Whether a dependency answered its last health check (1) or not (0).",
    ["component"],
    registry=REGISTRY,
)
