"""What recomputing windows needs of PostgreSQL: what is dirty, raw values, stored windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np

from liveops.postgres.archive import Connection
from liveops.postgres.queries import load
from liveops.windows.buckets import Floats
from liveops.windows.sample_list import SampleList
from schema.kinds import GAUGE, Histogram, Kind
from schema.series import SeriesId, series_id
from schema.times import to_datetime
from schema.topics import RAW

_decode_histogram = msgspec.json.Decoder(Histogram).decode
_LOCK = 0x6261636B  # "back"


class Dirty(NamedTuple):
    """A minute to recompute once the archive has the record; times in epoch seconds."""

    service: str
    minute: int
    origin: int
    offset: int
    #: Later minutes are corrected by the stream itself.
    horizon: int = 0


@dataclass(frozen=True, slots=True)
class StoredWindow:
    """The part of a stored window that tells whether a recomputation changes it."""

    count: int
    sum: float
    min: float
    max: float
    revision: int
    kind: Kind = GAUGE
    increase: float | None = None


#: Values by series and minute.
RawSpan = dict[SeriesId, dict[int, Floats | list[Histogram]]]
#: Stored windows by name, start and series key.
StoredSpan = dict[tuple[str, int, str], StoredWindow]


async def only_one(con: Connection) -> bool:
    """Whether this transaction is the only one that recomputes."""
    return bool(await con.fetchval(load("backfill")["one_at_a_time"], _LOCK))


async def add_dirty(con: Connection, minutes: Sequence[Dirty]) -> int:
    """Remember dirty minutes; how many rows that were."""
    newest: dict[tuple[str, int, int], Dirty] = {}
    for minute in minutes:
        known = newest.get(minute[:3])
        if known is not None:
            offset, horizon = max(known.offset, minute.offset), max(known.horizon, minute.horizon)
            minute = minute._replace(offset=offset, horizon=horizon)
        newest[minute[:3]] = minute
    if newest:
        await con.execute(load("backfill")["add_dirty"], *_columns(sorted(newest.values())))
    return len(newest)


async def ready(con: Connection, sink: str, limit: int) -> list[Dirty]:
    """Dirty minutes whose records this sink has stored."""
    rows = await con.fetch(load("backfill")["ready"], sink, RAW, limit)
    return [Dirty(*row) for row in rows]


async def done(con: Connection, minutes: Sequence[Dirty]) -> None:
    """Forget minutes that were recomputed."""
    await con.execute(load("backfill")["done"], *_columns(minutes))


async def raw_of_span(con: Connection, service: str, start_s: int, end_s: int) -> RawSpan:
    """Archived values of a service in a span."""
    span: RawSpan = {}
    query = load("backfill")["raw_of_span"]
    for row in await con.fetch(query, service, to_datetime(start_s), to_datetime(end_s)):
        series = series_id(service, row["metric_type"], row["tags"], row["kind"])
        histograms = [_decode_histogram(text) for text in row["histograms"] or ()]
        values = np.array(row["values"], np.float64)
        span.setdefault(series, {})[row["minute"]] = histograms or values
    return span


async def samples_of_span(
    con: Connection, service: str, start_s: int, end_s: int
) -> dict[SeriesId, SampleList]:
    """Archived samples of the counters of a service in a span."""
    query = load("backfill")["samples_of_span"]
    return {
        series_id(service, row["metric_type"], row["tags"], "counter"): SampleList(
            np.array(row["us"], np.int64),
            np.array(row["values"], np.float64),
            np.array(row["begins"], bool),
        )
        for row in await con.fetch(query, service, to_datetime(start_s), to_datetime(end_s))
    }


async def followers(con: Connection, service: str, minutes: Sequence[int]) -> set[int]:
    """Minutes of the samples that come next after those that counters have in these."""
    starts = [to_datetime(minute) for minute in minutes]
    rows = await con.fetch(load("backfill")["followers"], service, starts)
    return {row["minute"] for row in rows}


async def stored_of_span(con: Connection, service: str, start_s: int, end_s: int) -> StoredSpan:
    """Stored windows of a service that start in a span."""
    query = load("backfill")["stored_of_span"]
    rows = await con.fetch(query, service, to_datetime(start_s), to_datetime(end_s))
    return {
        (row["window"], row["start"], row["series"]): StoredWindow(
            row["count"],
            row["sum"],
            row["min"],
            row["max"],
            row["revision"],
            row["kind"],
            row["increase"],
        )
        for row in rows
    }


def _columns(minutes: Sequence[Dirty]) -> list[list[str] | list[int]]:
    return [list(column) for column in zip(*minutes, strict=True)]
