"""Metrics on their way into the windows of one partition, as columns. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from liveops.intake.chunk import only_ids
from liveops.intake.details import Details
from liveops.windows.buckets import Floats, Ints
from schema.kinds import Histogram

#: Bits of a series number within its service.
SERIES_BITS = 24
SERIES_MASK = (1 << SERIES_BITS) - 1
#: In the place of a series' number: it is not admitted yet.
WAITING = SERIES_MASK
#: The same: its series is of another kind.
REFUSED = SERIES_MASK - 1


@dataclass(frozen=True, slots=True)
class Rows:
    """Metrics of one partition in log order, as columns of one length.

    `series` is the service's number above `SERIES_BITS` of the series' number, or of
    `WAITING`: then `table_numbers` says which series of the decoder's table it is. `offsets`
    and `origins` say where the record lies in `metrics.raw`; times are in epoch seconds.
    `ids` holds the ids given by clients, `histograms` those of metrics that are one, by
    position; `details` are None where no metric says more than its value.
    """

    series: Ints
    values: Floats
    times_s: Floats
    append_s: Floats
    offsets: Ints
    origins: Ints
    table_numbers: Ints
    ids: dict[int, bytes] = field(default_factory=dict)
    details: Details | None = None
    histograms: dict[int, Histogram] = field(default_factory=dict)

    def waiting(self) -> Ints:
        """Series of the decoder's table whose rows wait to be admitted."""
        is_waiting = (self.series & SERIES_MASK) == WAITING
        return np.asarray(self.table_numbers[is_waiting])

    def only_with_ids(self, keep: npt.NDArray[Any]) -> Rows:
        """Some rows, by mask, with their ids."""
        return replace(self.only(keep), ids=only_ids(self.ids, keep))

    def only(self, rows: npt.NDArray[Any] | slice) -> Rows:
        """Some rows, by mask, position or slice, without ids."""
        return Rows(
            self.series[rows],
            self.values[rows],
            self.times_s[rows],
            self.append_s[rows],
            self.offsets[rows],
            self.origins[rows],
            self.table_numbers[rows],
            details=self.details and self.details.only(rows),
            histograms=only_some(self.histograms, rows, len(self.series)),
        )


def only_some(
    by_row: dict[int, Histogram], rows: npt.NDArray[Any] | slice, count: int
) -> dict[int, Histogram]:
    """What is known of some of so many rows, by mask, position or slice, by their new position."""
    if not by_row:
        return by_row
    chosen = np.arange(count)[rows].tolist()
    return {at: by_row[row] for at, row in enumerate(chosen) if row in by_row}


class Mark(NamedTuple):
    """The reader of an origin has handed on everything that the broker took by `time_s`."""

    origin: int
    time_s: float
