"""In which parts the minutes of a service are stored, and up to where records are in each."""

from __future__ import annotations

from liveops.windows.buckets import Ints
from liveops.windows.state import MINUTE_S, Range, ServiceWindows

#: Series in one value of a minute, halved where that is too much.
SERIES_PER_VALUE = 64


def ranges_of(narrow: list[Range], numbers: Ints) -> set[Range]:
    """The narrowest stored range of each series, else the usual one."""
    size = SERIES_PER_VALUE
    if not narrow:
        return {(low, low + size) for low in {*(numbers // size * size).tolist()}}
    found: set[Range] = set()
    for number in numbers.tolist():
        low = number // size * size
        holding = [r for r in narrow if r[0] <= number < r[1]]
        found.add(min(holding, key=lambda r: r[1] - r[0], default=(low, low + size)))
    return found


def offsets_of(service: ServiceWindows, start: int, series: Range) -> dict[int, int]:
    """Up to where records are in a part: it may hold more than the service has replayed."""
    offsets = dict(service.offsets)
    for stored, floor in service.replay_floors.get(start, {}).items():
        if stored[0] <= series[0] < stored[1]:
            for origin, offset in floor.items():
                offsets[origin] = max(offset, offsets.get(origin, -1))
    return offsets


def forget_replay_floors(service: ServiceWindows) -> None:
    """Drop floors that the service has replayed past."""
    for start in list(service.replay_floors):
        ranges = service.replay_floors[start]
        for series in [
            series
            for series, floor in ranges.items()
            if all(offset <= service.offsets.get(o, -1) for o, offset in floor.items())
        ]:
            del ranges[series]
        if not ranges:
            del service.replay_floors[start]


def evict(service: ServiceWindows) -> None:
    """Closed minutes that are stored leave the memory."""
    for start in list(service.minutes):
        closed = start + MINUTE_S <= service.watermark_s
        if (
            closed
            and start not in service.corrections
            and not len(service.minutes[start].unstored())
        ):
            del service.minutes[start]
