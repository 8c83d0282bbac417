"""From the decoder's series to those of the windows: a column beside its table. Pure."""

from __future__ import annotations

from functools import partial
from heapq import heapify, heappop, heappush

import numpy as np

from liveops.intake.chunk import DecodedChunk
from liveops.intake.series_table import GrowingInts, SeriesTable
from liveops.windows.admission import admit_service
from liveops.windows.buckets import Ints
from liveops.windows.rows import SERIES_BITS, WAITING, Rows, only_some
from liveops.windows.state import Outputs, PartitionState, ServiceWindows, WindowLimits
from schema.series import SeriesId

#: In the place of a packed number: the service is not known to the windows.
_NO_SERVICE = -1


class TableIndex:
    """Packed numbers of the windows by number in the decoder's table."""

    def __init__(self, partition: PartitionState, table: SeriesTable) -> None:
        self._partition = partition
        self._table = table
        self._epoch = table.epoch
        self._packed = GrowingInts()

    def rows(self, chunk: DecodedChunk, own: Ints, limits: WindowLimits, outputs: Outputs) -> Rows:
        """These metrics of a chunk, all of services of this partition, as rows.

        Services are admitted here; series that are not in the count wait (`sweep`).
        """
        self._catch_up()
        numbers = chunk.series[own]
        packed = self._packed.values[numbers]
        record = chunk.record[own]
        positions = chunk.positions
        if (packed == _NO_SERVICE).any():
            self._admit_services(packed, numbers, positions.append_s[record], limits, outputs)
        ids = chunk.ids
        if ids and len(own) < len(chunk.series):
            place = {row: at for at, row in enumerate(own.tolist())}
            ids = {place[row]: identity for row, identity in ids.items() if row in place}
        return Rows(
            packed, chunk.values[own], chunk.times_s[own], positions.append_s[record],
            positions.offsets[record], positions.partitions[record], numbers, ids,
            chunk.details and chunk.details.only(own),
            only_some(chunk.histograms, own, len(chunk.series)),
        )  # fmt: skip

    def _catch_up(self) -> None:
        """Look up what is new in the table; everything when it has begun anew."""
        if self._epoch != self._table.epoch or self._packed.size > len(self._table.ids):
            self.clear()
        for number in range(self._packed.size, len(self._table.ids)):
            self._packed.append(self._look_up(self._table.ids[number]))

    def clear(self) -> None:
        """Services were forgotten, or the table has begun anew: look up everything again."""
        self._epoch, self._packed = self._table.epoch, GrowingInts()

    def _look_up(self, series: SeriesId) -> int:
        service = self._partition.services.get(series.service_name)
        return _NO_SERVICE if service is None else _packed_of(service, series)

    def _admit_services(
        self, packed: Ints, numbers: Ints, append_s: np.ndarray[tuple[int], np.dtype[np.float64]],
        limits: WindowLimits, outputs: Outputs,
    ) -> None:  # fmt: skip
        """Give the rows of unknown services a service, in the order of the log.

        A service that is forgotten for another is unknown from that row on.
        """
        services = self._table.service_of.values[numbers]
        newcomers: list[tuple[int, int]] = []
        _line_up(packed, services, newcomers)
        while newcomers:
            at, number = heappop(newcomers)
            name = self._table.services[number]
            service, forgotten = admit_service(
                self._partition, name, float(append_s[at]),
                partial(_services_in, packed[:at]), limits, outputs,
            )  # fmt: skip
            if forgotten is not None:
                later = packed[at:]
                later[later >> SERIES_BITS == forgotten] = _NO_SERVICE
                newcomers.clear()
            mine = (services == number) & (packed == _NO_SERVICE)
            if service.name != name:  # beyond the limit, until a row finds an idle service
                newest_s = self._partition.oldest_heard_s + limits.forget_service_s
                asks = mine & (append_s > newest_s)
                asks[at] = False
                mine &= ~asks
                if asks.any():
                    heappush(newcomers, (int(np.argmax(asks)), number))
            packed[mine] = service.number << SERIES_BITS | WAITING
            if forgotten is not None:
                _line_up(packed, services, newcomers)

    def learn(self, numbers: Ints) -> None:
        """Look these series of the table up again: they were admitted, or have left."""
        if self._partition.forgotten:
            self.clear()
            return
        for number in {*numbers.tolist()}:
            self._packed.values[number] = self._look_up(self._table.ids[number])

    def released(self, series: list[SeriesId]) -> None:
        """The numbers of these series are free."""
        for found in (self._table.find(item) for item in series):
            if found is not None and found < self._packed.size:
                self._packed.values[found] = self._look_up(self._table.ids[found])


def _services_in(packed: Ints) -> set[int]:
    return {*(packed >> SERIES_BITS).tolist()}


def _line_up(packed: Ints, services: Ints, newcomers: list[tuple[int, int]]) -> None:
    """Add the first row of each service that is unknown, with its number in the table."""
    unknown = np.flatnonzero(packed == _NO_SERVICE)
    found, first = np.unique(services[unknown], return_index=True)
    newcomers += zip(unknown[first].tolist(), found.tolist(), strict=True)
    heapify(newcomers)


def _packed_of(service: ServiceWindows, series: SeriesId) -> int:
    number = service.numbers.get(series, WAITING)
    return service.number << SERIES_BITS | (WAITING if number in service.dormant else number)
