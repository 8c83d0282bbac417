"""Which records the live view shows: of each service the newest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise
from typing import Any

import numpy as np

from agents.intake.decode import Place, decode_record
from agents.intake.rows import Gathered
from liveops.windows.buckets import argsort_small, group_starts
from liveops.windows.state import SERIES_BITS, PartitionState
from schema.metrics import Metric
from schema.topics import RAW

#: Metrics kept per service between two flushes and in the list; the archive has all.
KEEP_LIVE = 100
#: A record of `metrics.raw` and its partition; decoded only if it is still wanted then.
Shown = tuple[Any, int]


def newest(
    partition: PartitionState, records: Sequence[Any], gathered: Gathered
) -> dict[str, list[Shown]]:
    """The last `KEEP_LIVE` records of each service in a chunk, oldest first.

    Records that hold no good metric are left out.
    """
    home, picked = partition.home, dict(gathered.others)
    for service, positions in _quick(partition, gathered):
        others = picked.get(service)
        picked[service] = sorted({*others, *positions}) if others else positions
    return {
        service: [(records[at], home) for at in positions[-KEEP_LIVE:]]
        for service, positions in picked.items()
    }


def _quick(partition: PartitionState, gathered: Gathered) -> list[tuple[str, list[int]]]:
    """Of the rows of each service the positions of the last."""
    series = np.array(gathered.rows.series, np.int64)
    record = np.array(gathered.rows.record, np.int64)
    services = series >> SERIES_BITS
    order = argsort_small(services)
    found: list[tuple[str, list[int]]] = []
    for low, high in pairwise([*group_starts(services[order]).tolist(), len(order)]):
        name = partition.by_number[int(services[order[low]])].name
        last = order[max(low, high - KEEP_LIVE) : high]
        found.append((name, list(dict.fromkeys(record[last].tolist()))))
    return found


def metrics_of(shown: Sequence[Shown], max_age_s: float, most: int = KEEP_LIVE) -> list[Metric]:
    """The last metrics of these records, oldest first."""
    found: list[Metric] = []
    for record, home in reversed(shown):
        place = Place(RAW, home, record.offset, record.timestamp / 1000.0)
        found += reversed(decode_record(record.value, place, max_age_s).metrics)
        if len(found) >= most:
            break
    return list(islice(found, most))[::-1]
