"""Every topic, once: name, partitions, retention, clean-up."""

from __future__ import annotations

from dataclasses import dataclass, field

DAY_MS = 86_400_000

RAW = "metrics.raw"
AGGREGATED = "metrics.aggregated"
DEADLETTER = "metrics.deadletter"
INCIDENTS_DETECTED = "incidents.detected"
INCIDENTS_UPDATED = "incidents.updated"
ANALYSIS_COMPLETED = "analysis.completed"
RAW_KEYED = "liveops.raw.keyed"
WINDOWS_OPEN = "liveops.windows.open"
WINDOWS_DIRTY = "liveops.windows.dirty"
DETECTIONS = "liveops.detections"
CONFIG = "liveops.config"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How a topic must be: `partitions` None means the configured count."""

    name: str
    retention_ms: int = -1
    partitions: int | None = None
    compact: bool = False
    extra: dict[str, str] = field(default_factory=dict)

    def config(self) -> dict[str, str]:
        """The full broker configuration (partial ones would reset the rest)."""
        wanted = {
            "cleanup.policy": "compact" if self.compact else "delete",
            "retention.ms": str(self.retention_ms),
        }
        return wanted | self.extra


#: In the order of the data's way.
TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec(RAW, 7 * DAY_MS, extra={"message.timestamp.type": "LogAppendTime"}),
    TopicSpec(RAW_KEYED, DAY_MS),
    TopicSpec(AGGREGATED, 30 * DAY_MS),
    TopicSpec(WINDOWS_OPEN, 3_600_000, extra={"segment.ms": "300000"}),
    TopicSpec(WINDOWS_DIRTY, DAY_MS),
    TopicSpec(DEADLETTER, 7 * DAY_MS),
    TopicSpec(DETECTIONS, 7 * DAY_MS),
    TopicSpec(INCIDENTS_DETECTED, 90 * DAY_MS),
    TopicSpec(INCIDENTS_UPDATED, 90 * DAY_MS),
    TopicSpec(ANALYSIS_COMPLETED, 90 * DAY_MS),
    TopicSpec(CONFIG, partitions=1, compact=True, extra={"segment.ms": "600000"}),
)
