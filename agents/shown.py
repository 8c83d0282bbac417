"""Which records the live view shows: of each service the newest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise
from typing import Any

import numpy as np

from agents.decode import Place, decode_record
from agents.rows import Gathered
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
) -> list[tuple[str, Shown]]:
    """The last `KEEP_LIVE` records of each service in a chunk, oldest first.

    Records that hold no good metric are left out.
    """
    home = partition.home
    picked = dict(gathered.others)
    picked.update(_quick(partition, gathered))
    return [(picked[index], (records[index], home)) for index in sorted(picked)]


def _quick(partition: PartitionState, gathered: Gathered) -> list[tuple[int, str]]:
    """Of the rows of each service the last, as position and name."""
    series = np.array(gathered.rows.series, np.int64)
    record = np.array(gathered.rows.record, np.int64)
    services = series >> SERIES_BITS
    order = argsort_small(services)
    found: list[tuple[int, str]] = []
    for low, high in pairwise([*group_starts(services[order]).tolist(), len(order)]):
        name = partition.by_number[int(services[order[low]])].name
        last = order[max(low, high - KEEP_LIVE) : high]
        found += [(index, name) for index in record[last].tolist()]
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
