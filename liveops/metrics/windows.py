"""From ingestion to the windows: what the metrics worker counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from liveops.metrics.group import FAST_S, Group, preset
from schema.topics import RAW, RAW_KEYED

REGISTRY = Group()

METRICS_ACCEPTED = Counter(
    "liveops_metrics_accepted_total",
    "Metrics acknowledged by the broker on behalf of a client.",
    registry=REGISTRY,
)
FOREIGN_REFUSED = Counter(
    "liveops_foreign_refused_total",
    "Samples of remote write and points of OTLP that were not taken, by way in and reason; the "
    "others of their request were.",
    ["way", "reason"],
    registry=REGISTRY,
)
SERIES_ENDED = Counter(
    "liveops_series_ended_total",
    "Times a sender told that a series has ended (a stale marker, or no recorded value), by way "
    "in; no value, and no fault.",
    ["way"],
    registry=REGISTRY,
)
RECORDS_READ = Counter(
    "liveops_records_read_total",
    "Records read from Kafka by the window agent, by topic; repeats included.",
    ["topic"],
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
COUNTER_RESETS = Counter(
    "liveops_series_resets_total",
    "Falls of counters seen in closed minutes. Many of one counter in a minute, which the log "
    "names, may mean that two programs send the same series.",
    registry=REGISTRY,
)
COUNTER_MINUTES_CROWDED = Counter(
    "liveops_samples_crowded_total",
    "Minutes of counters with more samples than are kept, into which late ones came: their "
    "increase is recomputed from the archive.",
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
WINDOWS_EMITTED = Counter(
    "liveops_windows_emitted_total",
    "Windows sent on, by state: `closed` or `open`.",
    ["state"],
    registry=REGISTRY,
)
CHECKPOINT_SECONDS = Histogram(
    "liveops_checkpoint_seconds",
    "Time to write changed window state and have it acknowledged.",
    buckets=FAST_S,
    registry=REGISTRY,
)
OUTPUTS_RESENT = Counter(
    "liveops_outputs_resent_total",
    "Finished windows found unsent in the recovered state and sent again.",
    registry=REGISTRY,
)
for _way in ("remote_write", "otlp"):
    for _reason in ("invalid", "malformed", "not_finite", "not_allowed", "future", "too_old"):
        FOREIGN_REFUSED.labels(_way, _reason)
preset(SERIES_ENDED, ("remote_write", "otlp"))
preset(RECORDS_READ, (RAW, RAW_KEYED))
preset(METRICS_LATE, ("corrected", "archived"))
preset(DUPLICATES_SKIPPED, ("record", "metric", "sample"))
preset(OVERFLOWED, ("series", "service"))
preset(WINDOWS_EMITTED, ("closed", "open"))
preset(
    DEAD_LETTERS,
    (
        "not_json",
        "not_utf8",
        "invalid",
        "too_large",
        "empty",
        "future",
        "too_old",
        "misrouted",
        "internal",
    ),
)
