"""Windows of an answer while they are gathered from both stores.

An answer may hold tens of thousands of windows. They are kept as the JSON they will be sent
as, in objects that the garbage collector need not look at, and are taken in and given back
in slices: the collector, or freeing all of them at once, would hold the event loop long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct

from liveops.slices import Slices
from schema.times import parse_edge

#: Service, metric type and sorted tags.
SeriesName = tuple[str, str, tuple[tuple[str, str], ...]]
#: Windows of one answer.
MAX_POINTS = 50_000
_TAGS = msgspec.json.Decoder(dict[str, str])


class Kept(Struct, gc=False):
    """One window: what decides between two of them, and its JSON.

    The JSON is what clients see or, where windows are to be merged, all that takes.
    """

    final: bool
    revision: int
    count: int
    text: bytes

    def beats(self, other: Kept) -> bool:
        """A closed window comes before an open one, a higher revision before a lower."""
        mine = (self.final, self.revision, self.count)
        return mine > (other.final, other.revision, other.count)


@dataclass(slots=True)
class HistoryAnswer:
    """Windows by series and start; `degraded` names the stores that did not answer.

    `truncated`: there are older windows than these in the span, left out whole.
    `fields`: what is kept of each window; None where all of it is.
    """

    fields: tuple[str, ...] | None = None
    series: dict[SeriesName, dict[str, Kept]] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)
    truncated: bool = False
    #: How many series have a window of each start.
    counts: dict[str, int] = field(default_factory=dict)
    #: Names by service, metric type and tags as they are written.
    _names: dict[tuple[str, str, bytes], SeriesName] = field(default_factory=dict)

    def add(self, name: SeriesName, start: str, window: Kept) -> None:
        """Take in a window, unless a better one of this series and start is there."""
        points = self.series.setdefault(name, {})
        known = points.get(start)
        if known is None:
            self.counts[start] = self.counts.get(start, 0) + 1
        if known is None or window.beats(known):
            points[start] = window

    def name_of(self, service: str, metric_type: str, tags: bytes) -> SeriesName:
        """The name of a series; each way to write its tags is read once."""
        name = self._names.get((service, metric_type, tags))
        if name is None:
            name = (service, metric_type, tuple(sorted(_TAGS.decode(tags).items())))
            self._names[service, metric_type, tags] = name
        return name

    def room_from_s(self, from_s: float) -> float:
        """The earliest start from which at most MAX_POINTS are there; the newest always is."""
        room, earliest_s = MAX_POINTS, math.inf
        for start_s, count in sorted(
            ((parse_edge(start), count) for start, count in self.counts.items()), reverse=True
        ):
            room -= count
            if start_s < from_s:
                break
            if room < 0 and earliest_s < math.inf:
                return earliest_s
            earliest_s = start_s
        return from_s

    async def drop_before(self, from_s: float) -> None:
        """Leave out the windows that start earlier."""
        early = [start for start in self.counts if parse_edge(start) < from_s]
        slices = Slices()
        for name in list(self.series):
            if slices.is_over:
                await slices.rest()
            points = self.series[name]
            for start in early:
                points.pop(start, None)
            if not points:
                del self.series[name]
