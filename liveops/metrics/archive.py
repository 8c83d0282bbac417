"""The archive: rows into PostgreSQL, windows recomputed from it."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from liveops.metrics.group import Group, preset

REGISTRY = Group()
_TABLES = ("metrics", "metric_windows", "dirty_minutes")

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
ARCHIVE_STORE_SECONDS = Histogram(
    "liveops_archive_store_seconds",
    "Time of one transaction of the archive: rows and offset, by table.",
    ["table"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    registry=REGISTRY,
)
ARCHIVE_DELAY_SECONDS = Histogram(
    "liveops_archive_delay_seconds",
    "Age of the oldest record of a transaction of the archive when it was committed, by table.",
    ["table"],
    buckets=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0),
    registry=REGISTRY,
)
WINDOWS_RECOMPUTED = Counter(
    "liveops_windows_recomputed_total",
    "Closed windows recomputed from the archive and sent again, for values too late for the "
    "stream.",
    registry=REGISTRY,
)
ROLLUPS_MADE = Counter(
    "liveops_rollups_made_total",
    "Windows of an hour or a day that the archive has made or corrected, by window.",
    ["window"],
    registry=REGISTRY,
)
ROLLUPS_DUE = Gauge(
    "liveops_rollups_due",
    "Hours and days of services that are over and whose rollups are still to be made or "
    "corrected, by window; queries merge shorter windows meanwhile.",
    ["window"],
    registry=REGISTRY,
)
ROLLUP_BACKLOG = Gauge(
    "liveops_rollup_backlog",
    "Days stored by a version without rollups whose rollups are still to be made.",
    registry=REGISTRY,
)
preset(ROLLUPS_MADE, ("1h", "1d"))
preset(ROLLUPS_DUE, ("1h", "1d"))
for _family in (ARCHIVED_ROWS, ARCHIVE_STORE_SECONDS, ARCHIVE_DELAY_SECONDS):
    preset(_family, _TABLES)
preset(ARCHIVE_EXPIRED, ("metrics", "metric_windows"))
