"""Which rollups of a span cannot be used, and what takes their place. Pure.

A rollup is stale where the windows it was made of have changed, also within Redis. Then the
shorter windows are merged anew: of a day its hours, of a stale hour its quarters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

HOUR_S = 3600
DAY_S = 86_400
#: Service and start in epoch seconds.
Place = tuple[str, int]
#: Service, low and high.
Span = tuple[str, int, int]


@dataclass(slots=True)
class Stale:
    """Stale hours and days of services."""

    hours: set[Place] = field(default_factory=set)
    days: set[Place] = field(default_factory=set)

    def add_hour(self, service: str, start_s: int) -> None:
        """An hour is stale, and with it the day."""
        self.hours.add((service, start_s))
        self.days.add((service, start_s // DAY_S * DAY_S))

    def add_day(self, service: str, day_s: int) -> None:
        """Of a day nothing is rolled up yet."""
        for hour_s in range(day_s, day_s + DAY_S, HOUR_S):
            self.add_hour(service, hour_s)

    def of(self, window: str) -> set[Place]:
        """Those of a size: `1h` or `1d`."""
        return self.hours if window == "1h" else self.days


def spans(places: Iterable[Place], size_s: int) -> list[Span]:
    """Neighbours joined: spans that hold exactly these windows of `size_s` seconds."""
    found: list[Span] = []
    for service, start_s in sorted(places):
        if found and found[-1][0] == service and found[-1][2] == start_s:
            found[-1] = (service, found[-1][1], start_s + size_s)
        else:
            found.append((service, start_s, start_s + size_s))
    return found
