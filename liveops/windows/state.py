"""State of the windows of one service, as the fold sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from liveops.windows.summary import Summary

MINUTE_S = 60
#: Public window names with their sizes in seconds, finest first.
SIZES: tuple[tuple[str, int], ...] = (("1m", 60), ("5m", 300), ("15m", 900))
LARGEST_S = 900
NEVER_S = float("-inf")


class SeriesId(NamedTuple):
    """A series within its service; tags as sorted pairs."""

    metric_type: str
    tags: tuple[tuple[str, str], ...]


#: Where values go when a service has more series than it may.
OVERFLOW_TAGS = (("liveops_overflow", "true"),)


@dataclass(slots=True)
class Offsets:
    """Last applied offsets of a service; replayed records at or below are skipped."""

    raw: int = -1
    keyed: int = -1
    #: Last origin offset per `metrics.raw` partition, from forwarded records.
    origins: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class ServiceState:
    """Windows of one service.

    `event_max_s` (E) is the greatest event time, `event_append_s` (A) that record's
    broker time, `watermark_s` (W) the time before which everything is closed.
    `minutes` maps a minute's start to its series; `revisions` holds, for each window
    emitted closed, the last revision by (window, start, series).
    """

    service: str
    event_max_s: float = NEVER_S
    event_append_s: float = 0.0
    watermark_s: float = NEVER_S
    minutes: dict[int, dict[SeriesId, Summary]] = field(default_factory=dict)
    revisions: dict[tuple[str, int, SeriesId], int] = field(default_factory=dict)
    offsets: Offsets = field(default_factory=Offsets)
    #: Ids given by clients, with the broker time of their first sight.
    seen_ids: dict[str, float] = field(default_factory=dict)
    #: Series with the event time of their last value, for the cardinality limit.
    last_seen_s: dict[SeriesId, float] = field(default_factory=dict)
    #: Closed windows to correct, coalesced: (minute start, series).
    corrections: set[tuple[int, SeriesId]] = field(default_factory=set)
    #: Open minutes changed since the last emission: (minute start, series).
    changed: set[tuple[int, SeriesId]] = field(default_factory=set)
    #: Minutes changed since the last checkpoint.
    dirty_minutes: set[int] = field(default_factory=set)
    #: Whether anything changed since the last checkpoint.
    dirty: bool = False
