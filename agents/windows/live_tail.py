"""The newest metrics of each service, for the live view: taken from the decoded columns."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import pairwise, repeat
from uuid import UUID

from liveops.intake.chunk import DecodedChunk
from liveops.windows.buckets import argsort_small, group_starts
from schema.ids import raw_metric_id
from schema.metrics import Metric
from schema.topics import RAW

#: Metrics kept per service between two flushes and in the list; the archive has all.
KEEP_LIVE = 100


#: A decoded chunk and a row of it; made into a metric only if it is still wanted then.
LiveRow = tuple[DecodedChunk, int]


class LiveTail:
    """The last `KEEP_LIVE` metrics of each service, oldest first, and how many were left out."""

    def __init__(self) -> None:
        self.rows: dict[str, deque[LiveRow]] = {}
        self.left_out: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self.rows.values()))

    def add(self, chunk: DecodedChunk) -> None:
        """What a chunk of `metrics.raw` holds, of whatever partition its services are."""
        columns = replace(chunk, records=())  # the records need not be kept for it
        services = chunk.table.service_of.values[chunk.series]
        order = argsort_small(services)
        for low, high in pairwise([*group_starts(services[order]).tolist(), len(order)]):
            name = chunk.table.services[int(services[order[low]])]
            kept = self.rows.get(name)
            if kept is None:
                kept = self.rows[name] = deque(maxlen=KEEP_LIVE)
            gone = len(kept) + (high - low) - KEEP_LIVE
            if gone > 0:
                self.left_out[name] = self.left_out.get(name, 0) + gone
            kept.extend(zip(repeat(columns), order[max(low, high - KEEP_LIVE) : high].tolist()))


def metric_of(row: LiveRow) -> Metric:
    """The metric as clients see it."""
    chunk, at = row
    record, given = int(chunk.record[at]), chunk.ids.get(at)
    if given is None:
        place = chunk.positions.at(record)
        identity = raw_metric_id(RAW, place[0], place[1], int(chunk.item[at]))
    else:
        identity = str(UUID(bytes=given))
    service, metric_type, tags, kind = chunk.table.ids[int(chunk.series[at])]
    value, time_s = float(chunk.values[at]), float(chunk.times_s[at])
    return Metric(identity, service, metric_type, value, dict(tags), time_s, kind)
