"""From decoded chunks of `metrics.raw` to packed rows of the archive."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from msgspec import structs

from liveops.intake.chunk import DecodedChunk
from liveops.intake.decoder import Decoder
from liveops.intake.series_table import Ints
from liveops.postgres import raw_copy
from schema.ids import raw_metric_hash
from schema.topics import RAW

DAY_S = 86_400


@dataclass(slots=True)
class RawRows:
    """Packed rows of a chunk: those with an id of ours, and those by the id they brought."""

    rows: list[bytes] = field(default_factory=list)
    given: dict[UUID, bytes] = field(default_factory=dict)
    days: set[int] = field(default_factory=set)
    #: Metrics older than what the archive keeps.
    expired: int = 0


class RowReader:
    """Makes rows of the records of one partition."""

    def __init__(self, partition: int, max_age_s: float) -> None:
        self._decoder = Decoder(partition, max_age_s, home_of=lambda service: partition)
        self._hash = raw_metric_hash(RAW, partition)
        #: The end of a row by number of its series in the decoder's table.
        self._tails: list[bytes] = []
        self._epoch = self._decoder.table.epoch

    def read(self, records: Sequence[Any], oldest_s: float) -> RawRows:
        """Rows of records in log order, without metrics from before `oldest_s`."""
        chunk = self._decoder.decode(RAW, records)
        self._learn_tails()
        kept = np.flatnonzero(chunk.times_s >= oldest_s)
        is_given = np.zeros(len(chunk.series), bool)
        is_given[list(chunk.ids)] = True
        derived, given = kept[~is_given[kept]], kept[is_given[kept]]
        found = RawRows(expired=len(chunk.series) - len(kept))
        found.rows = self._packed(chunk, derived, raw_copy.uuid5_of(self._digests(chunk, derived)))
        ids = [chunk.ids[row] for row in given.tolist()]
        packed = self._packed(chunk, given, raw_copy.plain_ids(ids))
        for identity, row in zip(ids, packed, strict=True):
            found.given.setdefault(UUID(bytes=identity), row)
        found.days = {*(chunk.times_s[kept] // DAY_S).astype(np.int64).tolist()}
        return found

    def _learn_tails(self) -> None:
        table = self._decoder.table
        if self._epoch != table.epoch:
            self._epoch, self._tails = table.epoch, []
        self._tails += [
            raw_copy.tail(service, metric_type, dict(tags), kind)
            for service, metric_type, tags, kind in table.ids[len(self._tails) :]
        ]

    def _digests(self, chunk: DecodedChunk, rows: Ints) -> list[bytes]:
        """SHA-1 behind the id of each metric that came without one: its place in the log."""
        digests: list[bytes] = []
        offsets = chunk.positions.offsets[chunk.record[rows]].tolist()
        for offset, item in zip(offsets, chunk.item[rows].tolist(), strict=True):
            state = self._hash.copy()
            state.update(b"%d\x1f%d" % (offset, item))
            digests.append(state.digest())
        return digests

    def _packed(self, chunk: DecodedChunk, rows: Ints, ids: raw_copy.Bytes2D) -> list[bytes]:
        tails = [self._tails[number] for number in chunk.series[rows].tolist()]
        if chunk.details is not None or chunk.histograms:
            tails = [
                raw_copy.with_told(plain, told) if (told := _told(chunk, row)) else plain
                for plain, row in zip(tails, rows.tolist(), strict=True)
            ]
        return raw_copy.pack(ids, chunk.values[rows], chunk.times_s[rows], tails)


def _told(chunk: DecodedChunk, row: int) -> dict[str, Any]:
    """What a metric says beside its value (`schema.kinds`); empty where nothing."""
    told: dict[str, Any] = {}
    if chunk.details is not None:
        if chunk.details.once[row]:
            told["once"] = True
        start_s = float(chunk.details.starts_s[row])
        if not math.isnan(start_s):
            told["start"] = round(start_s, 6)
    if row in chunk.histograms:
        told["histogram"] = structs.asdict(chunk.histograms[row])
    return told
