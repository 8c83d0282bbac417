"""Records of windows as the detectors read them."""

from __future__ import annotations

from typing import NamedTuple

import structlog

from liveops.detection.rule_bank import Seen
from liveops.kafka.chunks import Record
from liveops.metrics.worker import BAD_INTERNAL_RECORDS
from schema import topics
from schema.metrics import Aggregate
from schema.windows import read_open, read_window

log = structlog.get_logger(__name__)


class WindowRecord(NamedTuple):
    """Windows of one service; `reached_s` is its watermark, where they are open ones."""

    offset: int
    service: str
    windows: list[Aggregate]
    reached_s: float | None

    def seen(self) -> list[Seen]:
        """Its windows, each with the service."""
        return [Seen(self.service, window) for window in self.windows]

    @property
    def broker_s(self) -> float:
        """Broker time of the newest value in them."""
        return max((window.broker_time_s for window in self.windows), default=0.0)


def read_record(topic: str, record: Record) -> WindowRecord | None:
    """A record of windows; None for a tombstone and for one that cannot be read."""
    if record.value is None:
        return None
    try:
        if topic == topics.AGGREGATED:
            window = read_window(record.value)
            return WindowRecord(record.offset, window.service_name, [window], None)
        return WindowRecord(record.offset, *read_open(record.value))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        BAD_INTERNAL_RECORDS.labels(topic).inc()
        log.warning("unreadable window record", topic=topic, error=repr(error))
        return None
