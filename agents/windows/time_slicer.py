"""Slices of a chunk that hold the loop for a few milliseconds each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from time import thread_time

#: How long a slice should hold the loop. Requests and heartbeats wait that long.
HOLD_S = 0.004
_FEWEST, _MOST = 1, 4000  # a record may hold 10,000 values


class TimeSlicer:
    """Learns from each slice how large the next may be: records differ in what they hold."""

    def __init__(self) -> None:
        self._records = 200.0
        self._begun_s = 0.0
        self._taken = 0

    def slices(self, records: int) -> Iterator[slice]:
        """Slices of so many records in order; call `rest` after each."""
        low = 0
        while low < records:
            high = min(records, low + int(self._records))
            self._begun_s, self._taken = thread_time(), high - low
            yield slice(low, high)
            low = high

    async def rest(self) -> None:
        """The slice is done: others may have the loop."""
        self.learn(self._taken, thread_time() - self._begun_s)
        await asyncio.sleep(0)

    def learn(self, records: int, spent_s: float) -> None:
        """Half way towards what would have held the loop as long as it should be."""
        fitting = records * HOLD_S / max(spent_s, 1e-6)
        if fitting < self._records or records >= int(self._records):  # a rest tells little
            self._records = min(_MOST, max(_FEWEST, (self._records + fitting) / 2))
