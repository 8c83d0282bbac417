"""Moves a file's times: shift to the present, compress, pace. Pure but for the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from liveops.send.formats import Row

MAX_AGE_S = 7 * 86_400.0


@dataclass(slots=True)
class Retimer:
    """Maps file time to event time: the last row comes at `anchor_s`.

    `compress` divides all distances. Rows older than a week before `now_s` are counted
    in `too_old` and left out.
    """

    last_s: float
    anchor_s: float
    now_s: float
    compress: float = 1.0
    too_old: int = 0

    def event_s(self, file_s: float) -> float:
        """Event time of a moment of the file."""
        return self.anchor_s - (self.last_s - file_s) / self.compress

    def rows(self, source: Iterable[Row]) -> Iterator[Row]:
        """Rows with their event times."""
        for row in source:
            at_s = self.event_s(row.at_s)
            if at_s < self.now_s - MAX_AGE_S:
                self.too_old += 1
            else:
                yield replace(row, at_s=at_s)


def batches(rows: Iterable[Row], size: int, span_s: float | None = None) -> Iterator[list[Row]]:
    """Batches of up to `size` rows; paced sending keeps a batch within `span_s`."""
    batch: list[Row] = []
    for row in rows:
        late = span_s is not None and batch and row.at_s - batch[0].at_s >= span_s
        if batch and (late or len(batch) >= size):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
